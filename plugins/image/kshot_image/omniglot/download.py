"""Omniglot from the network, by torchvision."""

from __future__ import annotations

from pathlib import Path

from kshot.errors import DataError

from kshot_image.omniglot.layouts import BACKGROUND, EVALUATION


def download(root: Path) -> None:
    """Fetch what is missing of both sets into ``root/omniglot-py``.

    Raises:
        DataError: there is no network, or what came is not Omniglot.
    """
    from torchvision.datasets import Omniglot

    for name, background in ((BACKGROUND, True), (EVALUATION, False)):
        if (root / "omniglot-py" / name).is_dir():
            continue
        try:
            Omniglot(root, background=background, download=True)
        except Exception as error:  # urllib, sockets, zip files and torchvision's own checks
            raise DataError(
                f"omniglot: {name} cannot be downloaded to {root}: {error}; download it where there is a "
                f"network, and name the folder or a Parquet file as `path`"
            ) from error
