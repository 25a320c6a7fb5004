"""Where an encoder puts test examples, projected to a plane: kept beside a cell for the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from kshot.results.schema import Entry, Fraction, Text

PROJECTION = "projection.json"
"""Name of the file, in a cell's folder."""

Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class Projection(Entry):
    """Test examples of a few classes on the two axes along which their embeddings vary most.

    Attributes:
        classes: names of the classes.
        labels: class of each example, an index into ``classes``.
        points: x and y of each example.
        explained: share of the embeddings' variance along x and along y.
    """

    classes: list[Text]
    labels: list[int]
    points: list[tuple[Coordinate, Coordinate]]
    explained: tuple[Fraction, Fraction]

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        if len(self.labels) != len(self.points):
            raise ValueError(f"{len(self.labels)} labels for {len(self.points)} points")
        if any(not 0 <= label < len(self.classes) for label in self.labels):
            raise ValueError(f"a label is none of the {len(self.classes)} classes")
        return self


def projection_path(folder: Path, cell: str) -> Path:
    """The file of one cell's projection in a benchmark's folder."""
    return folder / "cells" / cell / PROJECTION
