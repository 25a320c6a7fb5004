"""Shapes of episodes as a configuration writes them: ``5w1s``, a mapping, or a fixed list's name."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, model_validator

from kshot.config.forms import Short
from kshot.config.strict import Strict
from kshot.shapes import Fixed, Shape

_SHAPE = re.compile(r"(\d+)w(\d+)s")


class ShapeEntry(Strict):
    """An episode shape in a configuration: ``5w1s`` or a mapping.

    Attributes:
        way: classes per episode.
        shot: support examples per class.
        queries: query examples per class; none: as many as ``evaluate.queries`` says.
        within: a class group, one value of which all classes of an episode share.
        apart: an example group, no value of which support and query share.
    """

    way: int = Field(ge=2)
    shot: int = Field(ge=1)
    queries: int | None = Field(default=None, ge=1)
    within: str | None = None
    apart: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _SHAPE.fullmatch(value.strip())
            if match is None:
                raise ValueError("write a shape as '5w1s' or {way: 5, shot: 1, queries: 15}")
            return {"way": int(match[1]), "shot": int(match[2])}
        return value

    def shape(self, queries: int) -> Shape:
        """The shape, with ``queries`` where the entry names none."""
        count = queries if self.queries is None else self.queries
        return Shape(self.way, self.shot, count, self.within, self.apart)


class FixedEntry(Strict):
    """A source's own list of test episodes in a configuration: ``{fixed: name}``.

    Attributes:
        fixed: name of the list.
    """

    fixed: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _alone(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(cast("dict[str, Any]", value)) > 1:
            raise ValueError("fixed episodes have a shape of their own; write {fixed: name} alone")
        return value

    def shape(self, queries: int) -> Fixed:
        """The list; its episodes have their own number of queries."""
        del queries
        return Fixed(self.fixed)


def _tested(value: Any) -> ShapeEntry | FixedEntry:
    if isinstance(value, ShapeEntry | FixedEntry):
        return value
    fixed = isinstance(value, dict) and "fixed" in value
    return FixedEntry.model_validate(value) if fixed else ShapeEntry.model_validate(value)


# The union alone would tell of every error twice, once for each of its members.
TestedShape = Annotated[
    ShapeEntry | FixedEntry,
    BeforeValidator(_tested),
    Short(("string",), "way and shot, such as 5w1s", rf"^\s*{_SHAPE.pattern}\s*$"),
]
