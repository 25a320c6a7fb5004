"""Random strokes and poses: what makes two drawings of a letter by one face differ."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kshot_image.glyphs.letters import fitted
from kshot_image.glyphs.outlines import Floats, Outlines

FILL = 0.7
"""The longer side of a letter's ink before the pose, of the picture's side."""

TURN, STRETCH, SHEAR, SHIFT = 0.06, 0.1, 0.08, 0.08
"""Largest pose: tangent of half the turn (so 7 degrees), change of width and height, slant, and
shift of the picture's side. More makes the task hard rather than rich: with more than three times
the turn and slant, Conv-4 is at 75 % (5-way 1-shot) after 800 episodes where it is now at 88 %."""

STROKE, STROKE_VARIES = 0.011, 0.019
"""What is added on either side of a stroke, of the letter's longer side."""

_MITRE = 2.0  # a sharp corner moves at most this many times as far as a straight edge


def numbers(face: str, codes: Sequence[int], repetition: int) -> Floats:
    """(G, 8) numbers in -1 … 1; each row depends on face, character and repetition alone."""
    digests = [hashlib.sha256(f"glyphs:{face}:{code}:{repetition}".encode()).digest() for code in codes]
    words = np.frombuffer(b"".join(digests), dtype="<u4").reshape(len(codes), 8)
    return words / 2.0**31 - 1


def jittered(glyphs: Outlines, random: Floats, size: int) -> Outlines:
    """Glyphs of a face → the same G in pixels, thickened or thinned, in a random pose.

    Args:
        glyphs: in font units.
        random: (G, 8) numbers in -1 … 1.
        size: side of the picture.
    """
    bold = thickened(fitted(glyphs, 1.0), STROKE + STROKE_VARIES * random[:, 6])
    matrix = poses(random)[glyphs.glyph]
    x, y = bold.points[:, 0], bold.points[:, 1]
    # Written out, since a matrix product may round differently from one platform to another.
    turned = np.stack([matrix[:, 0] * x + matrix[:, 1] * y, matrix[:, 2] * x + matrix[:, 3] * y], axis=1)
    centre = 0.5 + SHIFT * random[:, 4:6]
    return replace(bold, points=size * (FILL * turned + centre[glyphs.glyph]))


def poses(random: Floats) -> Floats:
    """(G, 8) numbers → (G, 4) matrices, rows one after the other: stretched, sheared, then turned."""
    half = TURN * random[:, 0]
    cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
    wide, high, shear = 1 + STRETCH * random[:, 1], 1 + STRETCH * random[:, 2], SHEAR * random[:, 3]
    slant = shear * high
    return np.stack(
        [cosine * wide, cosine * slant - sine * high, sine * wide, sine * slant + cosine * high], axis=1
    )


def thickened(glyphs: Outlines, by: Floats) -> Outlines:
    """Outlines moved outwards by ``by`` (G,), inwards where negative."""
    along = glyphs.points[glyphs.following] - glyphs.points
    along = along / np.sqrt((along * along).sum(axis=1, keepdims=True))
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)  # to the left, away from the ink
    before = np.empty_like(normal)
    before[glyphs.following] = normal
    corner = before + normal
    # The two edges' lines, moved by 1, meet at corner / (1 + cosine of the angle between them).
    length = 1 + (before * normal).sum(axis=1)
    reach = np.minimum(
        1 / np.maximum(length, 1e-9), _MITRE / np.sqrt(np.maximum((corner**2).sum(axis=1), 1e-9))
    )
    return replace(glyphs, points=glyphs.points + (by[glyphs.glyph] * reach)[:, None] * corner)
