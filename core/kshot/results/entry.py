"""What all entries of a results file have in common."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _storable(value: Any) -> Any:
    # A path that is not UTF-8 reaches an error message as lone surrogates, which no file can hold.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_storable)]
Figure = Annotated[float | None, BeforeValidator(_finite)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Interval = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_finite)]
Count = Annotated[int, Field(ge=0)]


class Entry(BaseModel):
    """What all entries have in common: they cannot be reassigned, and keep unknown keys."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class Measure(Entry):
    """A metric: its mean over the test episodes with the half-width of its 95 % interval.

    One that is computed over all queries pooled, such as macro F1, has no interval over episodes.
    """

    mean: Figure
    ci95: Interval = None
