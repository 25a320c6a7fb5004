"""Letter outlines of matplotlib's bundled DejaVu faces, as polygons in font units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic",
)
"""The drawers."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOVE, _CURVE, _CLOSE = 1, 3, 79  # matplotlib's path codes; 2 is a line
_STEPS = 4  # points per quadratic arc: an error under 0.1 pixel at the sizes drawn here


@dataclass(frozen=True, eq=False)
class Outlines:
    """Closed polygons of G glyphs, P points in all.

    Attributes:
        points: (P, 2) x to the right, y upwards.
        following: (P,) index of the next point of the same polygon; ink lies to the right of
            the way there.
        glyph: (P,) number of the glyph that a point belongs to, ascending.
        count: G.
    """

    points: Floats
    following: Ints
    glyph: Ints
    count: int

    @property
    def starts(self) -> Ints:
        """(G,) first point of each glyph."""
        return np.searchsorted(self.glyph, np.arange(self.count))


def characters(face: str) -> set[int]:
    """Code points that a face can draw."""
    return set(_font(face).get_charmap())


def outlines(face: str, codes: Sequence[int]) -> Outlines:
    """The outlines of some characters of a face, without hinting, in font units."""
    from matplotlib.ft2font import LoadFlags

    font = _font(face)
    vertices: list[Floats] = []
    commands: list[NDArray[np.uint8]] = []
    for code in codes:
        font.load_char(code, flags=LoadFlags.NO_SCALE)
        path, kinds = font.get_path()
        vertices.append(path)
        commands.append(kinds)
    glyph = np.repeat(np.arange(len(codes)), [len(kinds) for kinds in commands])
    # FreeType counts in 64ths of a pixel, and so does matplotlib even where nothing is scaled.
    return _polygons(np.concatenate(vertices) * 64, np.concatenate(commands), glyph, len(codes))


def advances(face: str, codes: Sequence[int]) -> Floats:
    """(G,) how far each character of a face moves the pen, in font units."""
    from matplotlib.ft2font import LoadFlags

    font = _font(face)
    return np.asarray(
        [font.load_char(code, flags=LoadFlags.NO_SCALE).horiAdvance for code in codes], dtype=np.float64
    )


def _font(face: str):
    import matplotlib
    from matplotlib.ft2font import FT2Font

    return FT2Font(f"{matplotlib.get_data_path()}/fonts/ttf/{face}.ttf")


def _polygons(vertices: Floats, commands: NDArray[np.uint8], glyph: Ints, count: int) -> Outlines:
    counts = np.ones(len(commands), dtype=np.int64)
    counts[commands == _CLOSE] = 0
    ends = _arc_ends(commands)
    counts[ends - 1] = 0  # a control point is not on the outline
    counts[ends] = _STEPS
    at = np.repeat(np.arange(len(commands)), counts)
    step = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    s = (step / counts[at])[:, None]
    # Off an arc s is 1, and the formula is the vertex itself whatever stands before it.
    points = (1 - s) ** 2 * vertices[at - 2] + 2 * s * (1 - s) * vertices[at - 1] + s * s * vertices[at]
    contour = np.cumsum(commands == _MOVE)[at]
    points, contour, kept = _without_repeats(points, contour)
    return Outlines(points, _next_in_runs(contour), glyph[at][kept], count)


def _arc_ends(commands: NDArray[np.uint8]) -> Ints:
    """Indices of arcs' end points: every second one in a run of curve codes."""
    curve = commands == _CURVE
    index = np.arange(len(commands))
    run_start = np.maximum.accumulate(np.where(curve, -1, index))
    return index[curve & ((index - run_start) % 2 == 0)]


def _next_in_runs(contour: Ints) -> Ints:
    """(P,) index of the next point of each contour, cyclically."""
    following = np.arange(1, len(contour) + 1)
    last = np.flatnonzero(np.diff(contour, append=contour[-1] + 1))
    following[last] = np.concatenate([[0], last[:-1] + 1])
    return following


def _without_repeats(points: Floats, contour: Ints) -> tuple[Floats, Ints, Ints]:
    following = _next_in_runs(contour)
    kept = np.flatnonzero((points != points[following]).any(axis=1))
    return points[kept], contour[kept], kept
