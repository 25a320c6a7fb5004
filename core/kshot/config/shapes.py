"""Shapes of episodes as a configuration writes them: ``5w1s``, a mapping, or a fixed list's name."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, model_validator

from kshot.config.forms import Short
from kshot.config.sizes import QueriesEntry, ShotEntry, WayEntry
from kshot.config.strict import Strict
from kshot.shapes import Fixed, Queries, Shape

_SHAPE = re.compile(r"(\d+)(?:-(\d+))?w *(\d+)(?:-(\d+))?s( each)?")


class ShapeEntry(Strict):
    """An episode shape in a configuration: ``5w1s``, ``5-20w 1-10s`` or a mapping.

    Attributes:
        way: classes per episode; ``[5, 20]``: every episode draws its own.
        shot: support examples per class; ``[1, 10]``: every episode draws one for all its classes;
            ``{each: [1, 10]}``: every class draws its own.
        queries: query examples per class; ``{total: 75, dirichlet: 2.0}``: so many in all, which the
            classes share unevenly; none: as many as ``evaluate.queries`` says.
        within: a class group, one value of which all classes of an episode share.
        apart: an example group, no value of which support and query share.
    """

    way: WayEntry
    shot: ShotEntry
    queries: QueriesEntry | None = None
    within: str | None = None
    apart: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = _SHAPE.fullmatch(value.strip())
            if match is None:
                raise ValueError("write a shape as '5w1s' or {way: 5, shot: 1, queries: 15}")
            way, shot = ([int(end) for end in ends if end] for ends in (match.group(1, 2), match.group(3, 4)))
            drawn = shot if len(shot) > 1 else shot[0]
            return {"way": way if len(way) > 1 else way[0], "shot": {"each": drawn} if match[5] else drawn}
        return value

    def shape(self, queries: Queries) -> Shape:
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

    def shape(self, queries: Queries) -> Fixed:
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
    Short(("string",), "way and shot, such as 5w1s or 5-20w 1-10s", rf"^\s*{_SHAPE.pattern}\s*$"),
]
