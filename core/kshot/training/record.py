"""What a training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """

    episodes: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list[CurvePoint])
    best: CurvePoint | None = None
    stale: int = 0

    def improved(self, point: CurvePoint) -> bool:
        """Take in a validated point; True where its accuracy is above all before it."""
        accuracy, best = _accuracy(point), _accuracy(self.best)
        better = accuracy is not None and (best is None or accuracy > best)
        self.best, self.stale = (point, 0) if better else (self.best, self.stale + 1)
        return better


def _accuracy(point: CurvePoint | None) -> float | None:
    return point.validation.mean if point and point.validation else None
