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
    """

    episodes: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list[CurvePoint])
