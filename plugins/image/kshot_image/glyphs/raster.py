"""Filled polygons on a pixel grid, many glyphs at once.

Made of element-wise additions, multiplications, divisions and square roots only, so that the
same letters come out on every platform and with every library version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kshot_image.glyphs.outlines import Floats, Outlines

_SCANS = 4  # scan lines per pixel row; along a line the coverage is exact


def coverage(outlines: Outlines, height: int, width: int) -> Floats:
    """How much of each pixel is ink, by the non-zero winding rule.

    Args:
        outlines: G glyphs in pixels: x to the right and y upwards, the picture's lower left
            corner at the origin. What lies outside is cut off.
        height: of the picture.
        width: of the picture.

    Returns:
        (G, height, width) between 0 and 1, the upper row first.
    """
    start, stop = outlines.points, outlines.points[outlines.following]
    first = np.ceil(start[:, 1] * _SCANS - 0.5).astype(np.int64)
    last = np.ceil(stop[:, 1] * _SCANS - 0.5).astype(np.int64)
    crossed = np.abs(last - first)
    edge = np.repeat(np.arange(len(start)), crossed)
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed)
    line = np.minimum(first, last)[edge] + nth
    inside = (line >= 0) & (line < height * _SCANS)
    edge, line = edge[inside], line[inside]
    slope = (stop - start)[edge]
    x = start[edge, 0] + ((line + 0.5) / _SCANS - start[edge, 1]) * (slope[:, 0] / slope[:, 1])
    sign = np.where(last > first, 1.0, -1.0)[edge]
    rows = outlines.count * height * _SCANS
    winding = _accumulate(outlines.glyph[edge] * (height * _SCANS) + line, x, sign, rows, width)
    return winding.reshape(outlines.count, height, _SCANS, width).mean(axis=2)[:, ::-1]


def _accumulate(row: NDArray[np.int64], x: Floats, sign: Floats, rows: int, width: int) -> Floats:
    """Winding numbers along each scan line, cut to 0 … 1: (rows, width).

    Each crossing covers what lies right of it: part of its own pixel, all of the later ones.
    """
    x = np.clip(x, 0, width)
    pixel = np.floor(x).astype(np.int64)
    part = x - pixel
    stride = width + 2
    place = row * stride + pixel
    change = np.bincount(place, sign * (1 - part), minlength=rows * stride)
    change += np.bincount(place + 1, sign * part, minlength=rows * stride)
    winding = np.cumsum(change.reshape(rows, stride)[:, :width], axis=1)
    return np.clip(winding, 0, 1)
