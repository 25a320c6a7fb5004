"""Rotations as classes: each class of pictures, turned by quarter turns, is four classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from PIL import Image

TURNS: tuple[tuple[str, Image.Transpose | None], ...] = (
    ("rot000", None),
    ("rot090", Image.Transpose.ROTATE_90),
    ("rot180", Image.Transpose.ROTATE_180),
    ("rot270", Image.Transpose.ROTATE_270),
)
"""What a turned class's name ends in, and Pillow's operation."""


def turned(image: Image.Image, turn: int) -> Image.Image:
    """A picture by one of the :data:`TURNS`."""
    transpose = TURNS[turn][1]
    return image if transpose is None else image.transpose(transpose)


@final
class Rotated(Source):
    """Another source of pictures with four times as many classes, in every split.

    As Santoro et al. (ICML 2016) and Vinyals et al. (NeurIPS 2016) have it on Omniglot. A picture and
    its turned copies share their groups, so that ``apart`` keeps them together; a class and its turned
    copies share their origin, so that the interval over classes does not take them for four.

    Args:
        source: gives the pictures.
    """

    def __init__(self, source: Source) -> None:
        self.modality, self.notes, self.skipped = source.modality, source.notes, source.skipped
        self._source = source
        self._catalogues: dict[Split, Catalogue] = {}
        plain = source.out_of_scope()
        self._outside = replace(plain, rows=plain.rows * len(TURNS)) if plain else None  # as they are

    def catalogue(self, split: Split) -> Catalogue:
        if split not in self._catalogues:
            self._catalogues[split] = _fourfold(self._source.catalogue(split))
        return self._catalogues[split]

    def out_of_scope(self) -> Catalogue | None:
        return self._outside

    def fetch(self, row: int) -> Image.Image:
        number, turn = divmod(row, len(TURNS))
        return turned(self._source.fetch(number), turn)

    def present(self, raw: Any) -> Presentation:
        return self._source.present(raw)

    def place(self, row: int) -> str:
        return self._source.place(row // len(TURNS))

    def digest(self, row: int) -> str | None:
        number, turn = divmod(row, len(TURNS))
        own = self._source.digest(number)
        # Not turned, it is the source's own picture, and so is its embedding in a cache.
        return hashlib.sha256(f"{own} {TURNS[turn][0]}".encode()).hexdigest() if own and turn else own


def _fourfold(plain: Catalogue) -> Catalogue:
    numbers = [(position, turn) for position in range(len(plain)) for turn in range(len(TURNS))]
    names = [plain.classes[label] for label in plain.labels]

    def fourfold(values: Sequence[str]) -> dict[str, str]:
        """One value per class → that of each of its four."""
        own = zip(plain.classes, values, strict=True)
        return {f"{name}/{ending}": value for name, value in own for ending, _ in TURNS}

    return Catalogue.build(
        [f"{names[position]}/{TURNS[turn][0]}" for position, turn in numbers],
        [f"{position:09d}" for position, _ in numbers],
        version=f"rotations:{plain.fingerprint}",
        rows=[int(plain.rows[position]) * len(TURNS) + turn for position, turn in numbers],
        class_groups={group: fourfold(values) for group, values in plain.class_groups.items()},
        example_groups={
            group: [f"{codes[position]:09d}" for position, _ in numbers]
            for group, codes in plain.example_groups.items()
        },
        origins=fourfold(plain.origins or plain.classes),
    )
