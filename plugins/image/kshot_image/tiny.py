"""A source for tests: strokes on a small sheet, told apart by every encoder of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, final

import numpy as np
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from PIL import Image, ImageDraw

from kshot_image.pictures import present

SIDE = 24
EXAMPLES = 12

_STROKES = {
    "level": ((3, 12), (21, 12)),
    "upright": ((12, 3), (12, 21)),
    "falling": ((3, 3), (21, 21)),
    "rising": ((3, 21), (21, 3)),
    "roof": ((3, 5), (21, 5)),
    "wall": ((5, 3), (5, 21)),
}
_SHAPES = [*combinations(_STROKES, 1), *combinations(_STROKES, 2)]
_OF: Mapping[Split, tuple[int, int]] = {"train": (0, 8), "validation": (8, 13), "test": (13, 21)}


@final
class TinyPictures(Source):
    """One or two strokes, black on white, a pixel or two off their place; 21 classes of 12 pictures.

    Args:
        seed: of the places.
    """

    modality = "image"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._catalogues = {split: self._catalogue(*bounds) for split, bounds in _OF.items()}

    def catalogue(self, split: Split) -> Catalogue:
        """Eight classes to train, five to validate, eight to test."""
        return self._catalogues[split]

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L) of 24x24 pixels."""
        generator = np.random.Generator(np.random.Philox(key=[self._seed, row]))
        x, y = (int(value) for value in generator.integers(-2, 3, size=2))
        image = Image.new("L", (SIDE, SIDE), "white")
        for stroke in _SHAPES[row // EXAMPLES]:
            ends = [(left + x, top + y) for left, top in _STROKES[stroke]]
            ImageDraw.Draw(image).line(ends, fill="black", width=4)
        return image

    def present(self, raw: Any) -> Presentation:
        """A PNG file."""
        return present(raw)

    def hostile(self) -> Mapping[str, Image.Image]:
        """Pictures without pixels, of one, of very many in a row, of one shade, of no agreed range."""
        return {
            "without pixels": Image.new("L", (0, 5)),
            "one pixel": Image.new("L", (1, 1)),
            "20,000 pixels wide and one high": Image.new("RGB", (20_000, 1)),
            "of one shade": Image.new("L", (SIDE, SIDE), "white"),
            "NaN": Image.fromarray(np.full((SIDE, SIDE), np.nan, dtype=np.float32)),
            "clear glass": Image.new("RGBA", (SIDE, SIDE)),
        }

    def _catalogue(self, start: int, stop: int) -> Catalogue:
        rows = range(start * EXAMPLES, stop * EXAMPLES)
        labels = ["-".join(_SHAPES[row // EXAMPLES]) for row in rows]
        keys = [f"{row % EXAMPLES:02d}" for row in rows]
        return Catalogue.build(labels, keys, rows=rows, version=f"tiny-pictures-1 {self._seed}")
