"""The whole configuration."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from kshot.config.forms import OneOrMany, Short
from kshot.config.once import each_once
from kshot.config.parts import EncoderVariant, LearnerVariant, SourceEntry
from kshot.config.stages import Evaluate, Loading, Pretrain, Train
from kshot.config.strategy import Strategies
from kshot.config.strict import Strict

MAX_NAME = 200
"""Bytes of a benchmark's name, which is also a folder's."""

NAME = Short(("string",), "a registered name, without options")
SOURCE = Short(("string", "null"), "a registered name; null: the key is the name")


class Configuration(Strict):
    """One benchmark: every learner with every encoder on every source of its modality.

    Attributes:
        name: of the benchmark; its results go to runs/NAME, so it is no path.
        seeds: of the trainings; every cell is trained once under each.
        sources: by names of your own; an entry names a registered source, options, other settings.
        encoders: by modality, one or a list of them.
        learners: one or a list of them.
        pretrain: ordinary classification of the training classes before episodes; none: only for
            learners that ask for it.
        train: how learners are trained.
        evaluate: how they are tested.
        loading: how data is held.
        leave_out: shell patterns of cells (LEARNER.ENCODER.SOURCE.SEED) that are not run.
        strategy: what was measured to be fast on this machine; `kshot tune` writes it.
    """

    name: str = Field(min_length=1)
    seeds: list[int] = Field(default_factory=lambda: [0], min_length=1)
    sources: dict[str, Annotated[SourceEntry, SOURCE]] = Field(min_length=1)
    encoders: dict[str, Annotated[list[Annotated[EncoderVariant, NAME]], OneOrMany()]] = Field(min_length=1)
    learners: Annotated[list[Annotated[LearnerVariant, NAME]], OneOrMany()] = Field(min_length=1)
    pretrain: Pretrain | None = None
    train: Train = Field(default_factory=Train)
    evaluate: Evaluate = Field(default_factory=Evaluate)
    loading: Loading = Field(default_factory=Loading)
    leave_out: list[str] = Field(default_factory=list[str])
    strategy: Strategies = Field(default_factory=Strategies)

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: list[int]) -> list[int]:
        each_once(seeds)
        return seeds

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        """A file from elsewhere must not choose where results are written."""
        odd = any(one in "/\\" or unicodedata.category(one) in ("Cc", "Cs") for one in name)
        if odd or name in (".", "..") or len(name.encode(errors="replace")) > MAX_NAME:
            raise ValueError(
                f"it names a folder below runs/: up to {MAX_NAME} bytes, without '/' and '\\'; "
                "another place is chosen by --out"
            )
        return name

    @model_validator(mode="before")
    @classmethod
    def _name_sources(cls, value: Any) -> Any:
        """``glyphs:`` and ``glyphs: {}`` mean the registered source of that name."""
        if not isinstance(value, dict) or not isinstance(value.get("sources"), dict):
            return value
        named: dict[str, Any] = {}
        for key, entry in value["sources"].items():
            filled = {} if entry is None else entry
            named[key] = {"use": key, **filled} if isinstance(filled, dict) else filled
        return {**value, "sources": named}
