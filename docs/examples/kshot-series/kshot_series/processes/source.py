"""Source ``processes``: which law made this curve?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, final

import numpy as np
from kshot.interfaces import SPLITS, Presentation, Source, Split
from kshot.sampling import Catalogue
from pydantic import Field

from kshot_series import drawing
from kshot_series.processes.families import FAMILIES, Array, Law, Random
from kshot_series.series import Series

RECIPE = 1
"""Number of the way in which curves are drawn; a change to it raises this."""

LENGTHS = 48, 97
TEMPO = 0.1
"""Standard deviation of the logarithm of a curve's tempo."""


@final
class Processes(Source):
    """Curves of 48 to 96 steps. A class is one law of a family of random processes; whole families are
    held out, so what is asked of a test class was asked of nothing like it before.

    Each curve is drawn from its law at some tempo, phase, scale and level, and with noise.
    Laws have the class group ``family``: ``within: family`` asks for laws of one family alone.

    Args:
        laws: of each of the 12 families; 7 of them train, 2 validate, 3 test.
        per_class: curves of each law.
        noise: standard deviation of what is added, in deviations of the curve.
        seed: of laws and curves.
    """

    def __init__(
        self,
        *,
        laws: Annotated[int, Field(ge=1)] = 6,
        per_class: Annotated[int, Field(ge=2)] = 30,
        noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.5,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.modality = "series"
        self._curves: list[Series] = []
        self._catalogues: dict[Split, Catalogue] = {}
        for split in SPLITS:
            labels: list[str] = []
            first = len(self._curves)
            for family in FAMILIES[split]:
                for number in range(laws):
                    name = f"{family.__name__}-{number:02d}"
                    law, chance = family(_random(seed, name)), _random(seed, name, "curves")
                    self._curves += [_curve(law, chance, noise) for _ in range(per_class)]
                    labels += [name] * per_class
            self._catalogues[split] = Catalogue.build(
                labels,
                [f"{number % per_class:04d}" for number in range(len(labels))],
                version=f"processes {RECIPE} {noise} {seed}",
                rows=range(first, len(self._curves)),
                class_groups={"family": {label: label.partition("-")[0] for label in labels}},
            )

    def catalogue(self, split: Split) -> Catalogue:
        """Laws and curves of one split."""
        return self._catalogues[split]

    def fetch(self, row: int) -> Series:
        """(n, 1)."""
        return self._curves[row]

    def present(self, raw: Series) -> Presentation:
        """The curve."""
        return drawing.present(raw)

    def hostile(self) -> Mapping[str, Any]:
        """Arrays that are no series, and some that are hard to standardise."""
        return {
            "empty": np.zeros((0, 1), np.float32),
            "of three dimensions": np.zeros((4, 1, 1), np.float32),
            "of another number of channels": np.zeros((40, 7), np.float32),
            "of words": np.array([["a"], ["b"]]),
            "not finite": np.array([[1.0], [np.nan], [np.inf]], np.float32),
            "huge": np.full((40, 1), 3e38, np.float32),
            "constant": np.full((40, 1), 0.1, np.float32),
            "one step long": np.ones((1, 1), np.float32),
            "nearly nothing": 1e-38 * np.ones((40, 1), np.float32).cumsum(0),
            "100,000 steps long": np.arange(100_000, dtype=np.float32)[:, None] % 7,
        }

    def digest(self, row: int) -> str:
        """SHA-256 of the curve's numbers."""
        return hashlib.sha256(self._curves[row].tobytes()).hexdigest()


def _curve(law: Law, chance: Random, noise: float) -> Series:
    length, tempo = int(chance.integers(*LENGTHS)), np.exp(TEMPO * chance.normal())
    curve = _at_tempo(law(chance, np.arange(2 * length, dtype=np.float64)), length, tempo)
    curve = curve / (curve.std() or 1.0) + noise * chance.normal(size=length)
    scaled = (np.exp(chance.normal()) * (curve + chance.normal()))[:, None].astype(np.float32)
    scaled.flags.writeable = False  # the same array is given at every call
    return scaled


def _at_tempo(curve: Array, length: int, tempo: float) -> Array:
    """The first ``length`` steps of a curve that is played slower or faster."""
    return np.interp(np.minimum(np.arange(length) * tempo, len(curve) - 1), np.arange(len(curve)), curve)


def _random(seed: int, *names: str) -> Random:
    """A generator that depends on these alone, not on what was drawn before."""
    words = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(words[:16], "little")))
