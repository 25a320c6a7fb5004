"""The embedded source: no download, whole scripts unseen in training."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, final

from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from PIL import Image
from pydantic import Field

from kshot_image.glyphs.drawing import VERSION, Drawings, cached
from kshot_image.glyphs.letters import script
from kshot_image.glyphs.outlines import FACES
from kshot_image.pictures import present

SCRIPTS_OF: Mapping[Split, tuple[str, ...]] = {
    "train": ("Latin", "Cyrillic"),
    "validation": ("Greek",),
    "test": ("Armenian", "Georgian"),
}


@final
class Glyphs(Source):
    """Letters by name; class group ``alphabet`` (the script), example group ``drawer`` (the face)."""

    modality = "image"

    def __init__(self, drawings: Drawings) -> None:
        pictures = drawings.pictures
        self._pictures = pictures.reshape(-1, *pictures.shape[-2:])
        self._catalogues = {
            split: _catalogue(drawings, scripts, pictures.shape[-1]) for split, scripts in SCRIPTS_OF.items()
        }

    def catalogue(self, split: Split) -> Catalogue:
        """Whole scripts: Latin and Cyrillic to train, Greek to validate, Armenian and Georgian to test."""
        return self._catalogues[split]

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L), dark ink on white paper."""
        return Image.fromarray(self._pictures[row])

    def present(self, raw: Any) -> Presentation:
        return present(raw)


def glyphs(
    *, size: Annotated[int, Field(ge=8, le=256)] = 28, per_face: Annotated[int, Field(ge=1, le=50)] = 2
) -> Source:
    """Letters of five scripts, drawn in the 12 DejaVu faces that matplotlib brings along.

    Args:
        size: height and width of a picture in pixels.
        per_face: drawings of each letter by each face; a class has 12 times as many examples.
    """
    return Glyphs(cached(size, per_face))


def _catalogue(drawings: Drawings, scripts: tuple[str, ...], size: int) -> Catalogue:
    per_face = drawings.pictures.shape[2]
    drawers = [face for face in FACES for _ in range(per_face)]
    keys = [f"{face}/{repetition:02d}" for face in FACES for repetition in range(per_face)]
    chosen = [number for number, code in enumerate(drawings.codes) if script(code) in scripts]
    names = [unicodedata.name(chr(drawings.codes[number])) for number in chosen]
    return Catalogue.build(
        [name for name in names for _ in keys],
        keys * len(chosen),
        version=f"{VERSION}-{size}",
        rows=[number * len(keys) + nth for number in chosen for nth in range(len(keys))],
        class_groups={"alphabet": {name: name.split()[0].title() for name in names}},
        example_groups={"drawer": drawers * len(chosen)},
    )
