"""Which letters are classes: those that all faces draw and that no two of which look alike."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kshot_image.glyphs.outlines import FACES, Outlines, characters, outlines
from kshot_image.glyphs.raster import coverage

SCRIPTS = ("Armenian", "Georgian", "Cyrillic", "Greek", "Latin")
"""In this order; of letters that look alike, the first script's stays, so that small scripts keep theirs."""

_LETTERS = {"Lu", "Ll", "Lt", "Lo"}  # no modifier letters: those are small copies of others
_SIZE = 24
_LEVELS = 15  # dot products of so few levels are exact in float32, in whatever order they are summed


def choose() -> list[int]:
    """Code points of the letters, by script and then by code point.

    Two letters look alike when in any face the cosine of their renderings, each cropped to its
    ink, is 0.9 or more. This removes Unicode's confusables (Latin, Greek and Cyrillic A), and
    within a script upper cases of the lower case's form and all but one of the accents that a
    small picture cannot show.
    """
    codes = candidates()
    alike = np.zeros((len(codes), len(codes)), dtype=bool)
    faulty = np.zeros(len(codes), dtype=bool)
    for face in FACES:
        glyphs = outlines(face, codes)
        alike |= look_alike(cropped(glyphs))
        faulty |= inside_out(glyphs)
    kept: list[int] = []
    for number in np.flatnonzero(~faulty):
        if not alike[number, kept].any():
            kept.append(int(number))
    return [codes[number] for number in kept]


def candidates() -> list[int]:
    """Code points of all letters of the scripts that every face draws."""
    common = set.intersection(*(characters(face) for face in FACES))
    found = [
        code for code in common if unicodedata.category(chr(code)) in _LETTERS and script(code) in SCRIPTS
    ]
    return sorted(found, key=lambda code: (SCRIPTS.index(script(code)), code))


def script(code: int) -> str:
    """A letter's script, which is the first word of its name in Unicode."""
    return unicodedata.name(chr(code)).split()[0].title()


def fitted(glyphs: Outlines, size: float) -> Outlines:
    """Each glyph centred at the origin, the longer side of its ink ``size`` long."""
    low = np.minimum.reduceat(glyphs.points, glyphs.starts)
    high = np.maximum.reduceat(glyphs.points, glyphs.starts)
    centre, scale = (low + high) / 2, size / (high - low).max(axis=1)
    return replace(glyphs, points=(glyphs.points - centre[glyphs.glyph]) * scale[glyphs.glyph, None])


def cropped(glyphs: Outlines) -> NDArray[np.float32]:
    """(G, D) renderings cropped to the ink, in whole grey levels."""
    placed = fitted(glyphs, _SIZE)
    ink = coverage(replace(placed, points=placed.points + _SIZE / 2), _SIZE, _SIZE)
    return np.floor(ink * _LEVELS + 0.5).reshape(glyphs.count, -1).astype(np.float32)


def inside_out(glyphs: Outlines) -> NDArray[np.bool_]:
    """(G,) whether a contour runs the wrong way round, as 40 letters of DejaVu Sans Mono have it.

    Such a part would vanish. In a mirror only wrong contours leave ink.
    """
    placed = fitted(glyphs, _SIZE // 2)
    mirrored = placed.points * np.array([-1.0, 1.0]) + _SIZE // 4
    return coverage(replace(placed, points=mirrored), _SIZE // 2, _SIZE // 2).max(axis=(1, 2)) > 0.01


def look_alike(pictures: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(G, D) whole grey levels → (G, G): cosine 0.9 or more, decided in whole numbers."""
    dots = (pictures @ pictures.T).astype(np.int64)
    squares = np.diagonal(dots)
    return 100 * dots * dots >= 81 * np.outer(squares, squares)
