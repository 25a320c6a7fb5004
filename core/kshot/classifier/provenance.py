"""The distributions that a classifier was made with, and those that are installed where it is read."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kshot.errors import KshotError
from kshot.registry import Registry

log = logging.getLogger("kshot")


@contextmanager
def compared(path: Path, made_with: Mapping[str, str], registry: Registry) -> Generator[None]:
    """A block that builds what a classifier's file names: what it was made with is told where it is another here.

    A hash tells encoders of other weights apart. It does not see code, so that another version of a plugin may
    embed otherwise than the examples in the file were embedded.

    Args:
        path: the file.
        made_with: versions of distributions, by name; what brings no plugin here is left to the hash.
        registry: knows those that are installed.

    Raises:
        KshotError: what the block raises; with the distribution that is not installed.
    """
    installed = {plugin.distribution: plugin.version for plugin in registry.plugins}
    for name, version in made_with.items():
        if installed.get(name, version) != version:
            log.warning(
                "%s: made with %s %s, and %s is installed, which may answer otherwise; fit it anew where it does, or "
                "install the version that it was made with",
                path,
                name,
                version,
                installed[name],
            )
    try:
        yield
    except KshotError as error:
        absent = [f"{name} {version}" for name, version in made_with.items() if name not in installed]
        if not absent:
            raise
        raise KshotError(f"{path}: made with {', '.join(absent)}, not installed here: {error}") from error
