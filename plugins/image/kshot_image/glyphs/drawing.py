"""All drawings of all letters, made in seconds and kept in the cache."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kshot.errors import KshotError
from kshot.files import cache_dir, write_atomic_with
from numpy.typing import NDArray

from kshot_image.glyphs.jitter import jittered, numbers
from kshot_image.glyphs.letters import choose
from kshot_image.glyphs.outlines import FACES, outlines
from kshot_image.glyphs.raster import coverage

VERSION = "glyphs-1"
"""Content version; a change of letters, faces, jitter or rasteriser needs a new one."""


@dataclass(frozen=True, eq=False)
class Drawings:
    """C letters by F faces, each drawn R times.

    Attributes:
        codes: C code points.
        pictures: (C, F, R, size, size) uint8, dark ink (0) on white paper (255).
    """

    codes: tuple[int, ...]
    pictures: NDArray[np.uint8]


def cached(size: int, per_face: int) -> Drawings:
    """The drawings of every letter, from the cache if they are there.

    Args:
        size: height and width in pixels.
        per_face: drawings of each letter by each face.
    """
    path = cache_dir("image", f"{VERSION}-{size}-{per_face}.npz")
    stored = _load(path)
    if stored is not None:
        return stored
    codes = choose()
    drawings = Drawings(tuple(codes), draw(codes, size, per_face))
    with suppress(KshotError):  # a cache that cannot be written costs seconds, not the run
        write_atomic_with(path, lambda temporary: _save(drawings, temporary))
    return drawings


def draw(codes: Sequence[int], size: int, per_face: int) -> NDArray[np.uint8]:
    """Draw letters: (C, F, per_face, size, size) uint8, each picture independent of the others."""
    pictures = np.empty((len(codes), len(FACES), per_face, size, size), dtype=np.uint8)
    for number, face in enumerate(FACES):
        glyphs = outlines(face, codes)
        for repetition in range(per_face):
            ink = coverage(jittered(glyphs, numbers(face, codes, repetition), size), size, size)
            pictures[:, number, repetition] = np.floor(255.5 - 255 * ink)
    return pictures


def _save(drawings: Drawings, path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, codes=np.asarray(drawings.codes), pictures=drawings.pictures)


def _load(path: Path) -> Drawings | None:
    """What the cache holds, or None where it is missing or damaged (it is then made again)."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return Drawings(tuple(stored["codes"].tolist()), stored["pictures"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
