"""What a training leaves behind."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from kshot.metrics import Interval


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve.

    Attributes:
        episodes: trained so far.
        loss: mean training loss since the last point.
        validation: accuracy on validation episodes, where they were scored.
    """

    episodes: int
    loss: float
    validation: Interval | None


@dataclass
class Training:
    """What a training left behind.

    Attributes:
        episodes: trained.
        seconds: spent training, validation not counted.
        curve: the learning curve.
        best: the point with the best validation, whose weights are kept; none without ``patience``.
        stale: validations since then.
        at_once: episodes of a meta-batch that were computed at once in the end; none: all of them.
        began: how many of the episodes another training was trained on, from which this one went on.
    """

    episodes: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list[CurvePoint])
    best: CurvePoint | None = None
    stale: int = 0
    at_once: int | None = None
    began: int = 0

    def improved(self, point: CurvePoint) -> bool:
        """Take in a validated point; True where its accuracy is above all before it."""
        accuracy, best = _accuracy(point), _accuracy(self.best)
        better = accuracy is not None and (best is None or accuracy > best)
        self.best, self.stale = (point, 0) if better else (self.best, self.stale + 1)
        return better

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Training:
        """From what ``dataclasses.asdict`` makes of it, which is what a checkpoint holds."""
        curve = [_point(point) for point in raw["curve"]]
        best = _point(raw["best"]) if raw["best"] else None
        later = raw.get("at_once"), raw.get("began", 0)
        return cls(raw["episodes"], raw["seconds"], curve, best, raw["stale"], *later)


@dataclass
class Pretraining:
    """What a pretraining left behind.

    Attributes:
        epochs: passes over the data.
        loss: mean loss of the last epoch.
        seconds: spent.
        steps: of the optimiser.
    """

    epochs: int = 0
    loss: float = math.nan
    seconds: float = 0.0
    steps: int = 0

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Pretraining:
        """From what ``dataclasses.asdict`` makes of it, which is what a checkpoint holds."""
        return cls(raw["epochs"], raw["loss"], raw["seconds"], raw["steps"])


def _point(raw: dict[str, Any]) -> CurvePoint:
    validation = Interval(**raw["validation"]) if raw["validation"] else None
    return CurvePoint(raw["episodes"], raw["loss"], validation)


def _accuracy(point: CurvePoint | None) -> float | None:
    return point.validation.mean if point and point.validation else None
