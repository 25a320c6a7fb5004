"""Handwritten digits that scikit-learn brings along: no download."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from kshot.errors import DataError
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from kshot.splits import assign
from kshot.tables import DEFAULT_SPLIT, SplitOptions
from numpy.typing import NDArray
from PIL import Image

from kshot_image.pictures import present

VERSION = "uci-optdigits-test-1"
LIGHTEST = 16
"""The data's own scale: 0 is paper and 16 ink."""


@final
class WrittenDigits(Source):
    """Pictures of 8 x 8 pixels; classes ``0`` to ``9``."""

    modality = "image"

    def __init__(self, pictures: NDArray[np.uint8], catalogues: Mapping[Split, Catalogue]) -> None:
        self._pictures, self._catalogues = pictures, catalogues

    def catalogue(self, split: Split) -> Catalogue:
        """Digits of one split."""
        if split not in self._catalogues:
            raise DataError(f"digits: the {split} split has no classes; give it some in `split`")
        return self._catalogues[split]

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L), dark ink on white paper."""
        return Image.fromarray(self._pictures[row])

    def present(self, raw: Any) -> Presentation:
        return present(raw)

    def place(self, row: int) -> str:
        return f"digits, picture {row}"


def digits(*, split: SplitOptions = DEFAULT_SPLIT) -> Source:
    """1,797 handwritten digits, about 180 of each: the test part of UCI's "Optical recognition of handwritten
    digits" as scikit-learn packs it.

    Args:
        split: the digits of each split; a column has nothing to go by here.
    """
    pictures, labels = _loaded()

    def column(name: str) -> list[str | None]:
        raise DataError(f"digits: there is no column '{name}'; split by lists of digits or fractions")

    found = assign(split, labels, column=column, folder=Path(), where="digits")
    catalogues: dict[Split, Catalogue] = {
        one: Catalogue.build(
            [labels[row] for row in rows], [f"{row:04d}" for row in rows], version=VERSION, rows=rows
        )
        for one, rows in found.items()
        if rows
    }
    return WrittenDigits(pictures, catalogues)


@cache
def _loaded() -> tuple[NDArray[np.uint8], list[str]]:
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    ink = data.images.astype(np.float64) / LIGHTEST
    return np.round(255 * (1 - ink)).astype(np.uint8), [str(label) for label in data.target]
