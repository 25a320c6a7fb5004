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
    """

    episodes: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list[CurvePoint])

    @classmethod
    def from_plain(cls, raw: dict[str, Any]) -> Training:
        """From what ``dataclasses.asdict`` makes of it, which is what a checkpoint holds."""
        curve = [
            CurvePoint(
                point["episodes"],
                point["loss"],
                Interval(**point["validation"]) if point["validation"] else None,
            )
            for point in raw["curve"]
        ]
        return cls(raw["episodes"], raw["seconds"], curve)


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
