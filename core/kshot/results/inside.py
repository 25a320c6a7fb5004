"""What an observer saw inside a cell's learner: kept beside the cell for the report."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from kshot.results.entry import Count, Entry, Figure, Text

INSIDE = "inside.json"
"""Name of the file, in a cell's folder."""


class Moment(Entry):
    """Means over the episodes of a batch in training, or of the first batches of an evaluation.

    Names are as learners note them. What stands before a slash is of one kind: ``loss/support`` and
    ``loss/query`` are both losses.

    Attributes:
        stage: ``train`` or ``evaluate``.
        shape: of the episodes.
        episodes: trained before, in training.
        seen: episodes that the means are over.
        steps: by name a figure for each inner step from 0: what it found at the weights after so many.
        values: by name what belongs to no step.
    """

    stage: Literal["train", "evaluate"]
    shape: Text
    episodes: Count = 0
    seen: Count
    steps: dict[str, list[Figure]] = Field(default_factory=dict[str, list[Figure]])
    values: dict[str, Figure] = Field(default_factory=dict[str, Figure])


class Inside(Entry):
    """All that was seen inside one cell.

    Attributes:
        training: hash of what the training depends on; moments of another are not gone on from.
        moments: in training by episodes, then in evaluation by shape.
    """

    training: Text
    moments: list[Moment]


def inside_path(folder: Path, cell: str) -> Path:
    """The file of one cell in a benchmark's folder."""
    return folder / "cells" / cell / INSIDE
