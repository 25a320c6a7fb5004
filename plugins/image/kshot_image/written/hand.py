"""How a word is written down: size, slant, stretch, weight, spacing, and what spoils the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from kshot.words import WordExample
from numpy.typing import NDArray

from kshot_image.glyphs.jitter import thickened
from kshot_image.glyphs.outlines import Floats, Outlines
from kshot_image.glyphs.raster import coverage
from kshot_image.written.setting import set_word

SIZE = (0.26, 0.42)
"""Height of the letter x, of the strip's height. At 0.42 the tallest and deepest letters fill it."""
STRETCH = (0.85, 1.2)
"""Width over what the face has."""
SLANT = 0.25
"""Largest slant to either side, as a tangent: 14 degrees."""
TURN = 0.03
"""Largest slope of the line, as a tangent."""
SPACING = (-0.02, 0.15)
"""Added after every letter, of x's height."""
WEIGHT = (-0.01, 0.04)
"""Added on either side of every stroke, of x's height."""
MARGIN = (0.05, 0.3)
"""Paper before and after the word, of the strip's height."""
CONTRAST = (0.5, 1.0)
"""Difference between paper and ink, of the range from black to white."""
NOISE = (0.0, 0.12)
"""Deviation of the noise on every pixel, of the same range."""
BASELINE = 0.28
"""Height of the baseline over the strip's lower edge, of its height, give or take ``WOBBLE``."""
WOBBLE = 0.05

_EDGE = 1.0  # pixels that stay blank above and below


@dataclass(frozen=True)
class Hand:
    """One way of writing; each number is drawn uniformly from the range of its name above."""

    size: float
    stretch: float
    slant: float
    turn: float
    spacing: float
    weight: float
    before: float
    after: float
    baseline: float
    contrast: float
    paper: float
    noise: float

    @classmethod
    def of(cls, example: WordExample) -> Hand:
        """The hand that an example is written in."""
        share = example.shares()
        contrast = _between(CONTRAST, share[9])
        return cls(
            size=_between(SIZE, share[0]),
            stretch=_between(STRETCH, share[1]),
            slant=_between((-SLANT, SLANT), share[2]),
            turn=_between((-TURN, TURN), share[3]),
            spacing=_between(SPACING, share[4]),
            weight=_between(WEIGHT, share[5]),
            before=_between(MARGIN, share[6]),
            after=_between(MARGIN, share[7]),
            baseline=_between((BASELINE - WOBBLE, BASELINE + WOBBLE), share[8]),
            contrast=contrast,
            paper=_between((contrast, 1.0), share[10]),
            noise=_between(NOISE, share[11]),
        )


def written(example: WordExample, height: int) -> NDArray[np.uint8]:
    """A word on a strip of paper: (height, W), W as long as the word is; dark ink on light paper."""
    hand = Hand.of(example)
    word = thickened(set_word(example.word, example.manner, hand.spacing), np.asarray([hand.weight]))
    placed, width = _placed(word, hand, height)
    ink = coverage(placed, height, width)[0]
    grains = np.random.Generator(np.random.Philox(key=int(example.random()[-1])))
    # Sums of uniform numbers: near enough to a normal deviate, and the same on every machine.
    noise = (grains.random((4, height, width)).sum(axis=0) - 2.0) * math.sqrt(3.0)
    grey = hand.paper - hand.contrast * ink + hand.noise * noise
    return np.floor(255 * np.clip(grey, 0, 1) + 0.5).astype(np.uint8)


def _placed(word: Outlines, hand: Hand, height: int) -> tuple[Outlines, int]:
    """The word in pixels, and the width of its strip."""
    scale = hand.size * height
    x = hand.stretch * word.points[:, 0] + hand.slant * word.points[:, 1]
    y = word.points[:, 1]
    turned: Floats = scale * np.stack([x - hand.turn * y, y + hand.turn * (x - x.max() / 2)], axis=1)
    left, right = turned[:, 0].min(), turned[:, 0].max()
    before, after = hand.before * height, hand.after * height
    low, high = turned[:, 1].min(), turned[:, 1].max()
    lift = min(max(hand.baseline * height, _EDGE - low), height - _EDGE - high)
    points = turned + np.asarray([before - left, lift])
    return replace(word, points=points), math.ceil(before + (right - left) + after)


def _between(bounds: tuple[float, float], share: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * share
