"""Figures that others published, from the data file ``published.json`` beside this module."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class Published(BaseModel):
    """One published accuracy.

    Attributes:
        source: registered name of the source.
        split: the published split, by the name under which a source offers it; empty: none is named.
        way: classes per episode.
        shot: support examples per class.
        learner: name under which the learner is, or could be, registered.
        named: what the publication calls the method.
        encoder: what it was run with.
        accuracy: in per cent.
        ci95: half-width of its 95 % interval, in per cent; none: not stated.
        pretrained: True where the encoder had been trained on other data.
        protocol: data and rules.
        citation: where the figure stands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str = Field(min_length=1)
    split: str = ""
    way: int = Field(ge=2)
    shot: int = Field(ge=1)
    learner: str = Field(min_length=1)
    named: str = Field(min_length=1)
    encoder: str = Field(min_length=1)
    accuracy: float = Field(gt=0, le=100)
    ci95: float | None = Field(default=None, gt=0)
    pretrained: bool = False
    protocol: str = Field(min_length=1)
    citation: str = Field(min_length=1)


@cache
def published() -> tuple[Published, ...]:
    """All figures, in the order of the file."""
    text = files(__package__ or "kshot.report").joinpath("published.json").read_text(encoding="utf-8")
    return tuple(Published.model_validate(entry) for entry in json.loads(text))
