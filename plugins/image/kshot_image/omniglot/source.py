"""The source ``omniglot``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

from kshot.errors import DataError
from kshot.files import cache_dir
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from PIL import Image

from kshot_image.omniglot.download import download as fetch_from_network
from kshot_image.omniglot.layouts import Folders, Layout, Parquet
from kshot_image.omniglot.splits import SplitName, split_characters, vinyals_lists
from kshot_image.pictures import decode, present
from kshot_image.rotations import TURNS, turned

VERSION = "omniglot-1"
"""Content version: both layouts hold the very same drawings."""


_log = logging.getLogger(__name__)


@final
class Omniglot(Source):
    """Characters as classes; class group ``alphabet``, example group ``drawer``.

    An example's row is four times the number of its drawing plus the number of its rotation.
    """

    modality = "image"

    def __init__(self, layout: Layout, split: SplitName, rotations: bool) -> None:
        self._layout = layout
        characters = {drawing.character for drawing in layout.drawings}
        self._note_missing({(one.alphabet, one.character) for one in characters})
        splits = split_characters(characters, split)
        members: dict[Split, list[int]] = {"train": [], "validation": [], "test": []}
        for number, drawing in enumerate(layout.drawings):
            if drawing.character in splits:
                members[splits[drawing.character]].append(number)
        self._name = split
        self._catalogues = {
            one: _catalogue(layout, numbers, rotations) for one, numbers in members.items() if numbers
        }

    def catalogue(self, split: Split) -> Catalogue:
        if split not in self._catalogues:
            raise DataError(
                f"omniglot: no drawings for the {split} part of the split '{self._name}'; "
                "the copy is not complete (both images_background and images_evaluation are needed)"
            )
        return self._catalogues[split]

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L) of 105x105 pixels, dark ink on white paper."""
        number, turn = divmod(row, len(TURNS))
        data = self._layout.read(number)
        try:
            image = decode(data)
        except ValueError as error:
            raise DataError(f"omniglot: {self._layout.place(number)}: cannot be decoded: {error}") from error
        return turned(image, turn)

    def present(self, raw: Any) -> Presentation:
        return present(raw)

    def _note_missing(self, found: set[tuple[str, str]]) -> None:
        listed = vinyals_lists()
        missing = len(listed.keys() - found)
        if missing:
            _log.warning(
                "omniglot: %d of the data set's %d characters are missing; figures from this copy "
                "cannot be compared with published ones",
                missing,
                len(listed),
            )


def omniglot(
    *,
    path: str | None = None,
    split: SplitName = "vinyals",
    rotations: bool = True,
    download: bool = False,
) -> Source:
    """Omniglot, from torchvision's folders or a Parquet file.

    Args:
        path: a Parquet file, or torchvision's root folder (or ``omniglot-py`` itself); default:
            a folder in kshot's cache.
        split: ``vinyals``, the class lists of matching and prototypical networks; ``lake``,
            background to train and evaluation to test, where five of the 30 background alphabets
            validate; ``alphabets``, 30, 10 and 10 whole alphabets, so that none is in two splits.
            The last two order alphabets by the SHA-256 of their names.
        rotations: each character turned by 0, 90, 180 and 270 degrees makes four classes.
        download: fetch what is missing of a folder from the network.
    """
    place = cache_dir("omniglot") if path is None else Path(path).expanduser()
    if place.suffix.lower() == ".parquet":
        if not place.is_file():
            raise DataError(f"omniglot: no such file: {place}")
        return Omniglot(Parquet(place), split, rotations)
    if download:
        fetch_from_network(place)
    if not place.is_dir():
        raise DataError(
            f"omniglot: no such folder: {place}; name a folder or a Parquet file as `path`, "
            "or set `download: true` where there is a network"
        )
    return Omniglot(Folders(place), split, rotations)


def _catalogue(layout: Layout, numbers: Sequence[int], rotations: bool) -> Catalogue:
    labels: list[str] = []
    keys: list[str] = []
    rows: list[int] = []
    drawers: list[str] = []
    alphabets: dict[str, str] = {}
    origins: dict[str, str] = {}
    for number in numbers:
        character, drawer = layout.drawings[number]
        name = f"{character.alphabet}/{character.character}"
        for turn, (angle, _) in enumerate(TURNS if rotations else TURNS[:1]):
            label = f"{name}/{angle}" if rotations else name
            labels.append(label)
            keys.append(f"{name}/{drawer}")
            rows.append(number * len(TURNS) + turn)
            drawers.append(drawer)
            alphabets[label] = character.alphabet
            origins[label] = name
    return Catalogue.build(
        labels,
        keys,
        version=VERSION,
        rows=rows,
        class_groups={"alphabet": alphabets},
        example_groups={"drawer": drawers},
        origins=origins if rotations else None,
    )
