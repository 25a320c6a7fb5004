"""A word set in a face: one outline, in units of the face's x-height."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from kshot_image.glyphs.outlines import Floats, Outlines, advances, outlines

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def set_word(word: str, face: str, spacing: float) -> Outlines:
    """A word as a single glyph, its baseline at height 0 and its ink beginning at the left edge.

    Args:
        word: letters a-z.
        face: name of the typeface.
        spacing: added after every letter, of the x-height.
    """
    shapes, widths, starts = _letters(face)
    numbers = [LETTERS.index(letter) for letter in word]
    ends = np.cumsum([widths[number] + spacing for number in numbers])
    points, following, offset = [], [], 0
    for number, end in zip(numbers, ends, strict=True):
        first, stop = starts[number], starts[number + 1]
        points.append(shapes.points[first:stop] + np.asarray([end - widths[number] - spacing, 0.0]))
        following.append(shapes.following[first:stop] - first + offset)
        offset += stop - first
    together = np.concatenate(points)
    together[:, 0] -= together[:, 0].min()
    return Outlines(together, np.concatenate(following), np.zeros(offset, dtype=np.int64), 1)


@cache
def _letters(face: str) -> tuple[Outlines, Floats, list[int]]:
    """The alphabet's outlines and widths in units of the letter x's height, and where each begins."""
    codes = [ord(letter) for letter in LETTERS]
    glyphs = outlines(face, codes)
    starts = [*glyphs.starts.tolist(), len(glyphs.points)]
    x = LETTERS.index("x")
    height = glyphs.points[starts[x] : starts[x + 1], 1].max()
    return replace(glyphs, points=glyphs.points / height), advances(face, codes) / height, starts
