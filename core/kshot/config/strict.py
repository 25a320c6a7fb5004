"""What every model of a configuration has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from kshot.config.described import described


class Strict(BaseModel):
    """A model that refuses unknown keys and guesses no types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra=described)
