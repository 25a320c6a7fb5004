"""How a configuration writes way, shot and queries: numbers, and what numbers are drawn from."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from kshot.errors import nearest
from kshot.shapes import MOST_CONCENTRATION, Each, Imbalanced, Queries, Range, Shot, Way

_DIRICHLET: TypeAdapter[float] = TypeAdapter(
    Annotated[float, Field(gt=0, le=MOST_CONCENTRATION, strict=True)]
)


def _at_least(low: int) -> TypeAdapter[int]:
    return TypeAdapter(Annotated[int, Field(ge=low, strict=True)])


def _number_or_range(value: Any, low: int) -> int | Range:
    """A number, or ``[low, high]``; a range of one number is that number."""
    if not isinstance(value, list | tuple):
        return _at_least(low).validate_python(value)
    ends = cast("list[Any] | tuple[Any, ...]", value)
    if len(ends) != 2:
        raise ValueError(f"a range is written [low, high], such as [{low}, {low + 9}]")
    first, last = (_at_least(low).validate_python(end) for end in ends)
    if first > last:
        raise ValueError(f"the range [{first}, {last}] ends before it begins; write [{last}, {first}]")
    return first if first == last else Range(first, last)


def _way(value: Any) -> Way:
    return _number_or_range(value, 2)


def _shot(value: Any) -> Shot:
    if isinstance(value, Each):
        return value
    if isinstance(value, dict):
        each = _keys(cast("dict[str, Any]", value), ["each"])["each"]
        if not isinstance(each, list | tuple):
            raise ValueError("each is a range, such as {each: [1, 10]}")
        drawn = _number_or_range(each, 1)
        return Each(drawn) if isinstance(drawn, Range) else drawn
    return _number_or_range(value, 1)


def _queries(value: Any) -> Queries:
    if isinstance(value, Imbalanced):
        return value
    if isinstance(value, list | tuple):
        raise ValueError("the number of queries is no range; write a number, or {total: 75, dirichlet: 2.0}")
    if not isinstance(value, dict):
        return _at_least(1).validate_python(value)
    given = _keys(cast("dict[str, Any]", value), ["total", "dirichlet"])
    total = _at_least(1).validate_python(given["total"])
    return Imbalanced(total, _DIRICHLET.validate_python(given["dirichlet"]))


def _keys(given: dict[str, Any], known: list[str]) -> dict[str, Any]:
    """What is given, where it has just these keys."""
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key '{key}'{nearest(str(key), known)} (known: {', '.join(known)})")
    for key in known:
        if key not in given:
            raise ValueError(f"'{key}' is missing")
    return given


def _integer(low: int, **more: Any) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, **more}


def _range_of(low: int, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": _integer(low), "minItems": 2, "maxItems": 2, **more}


def _mapping(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _any_of(*forms: dict[str, Any]) -> WithJsonSchema:
    """What an editor is told; only the reader knows that a range must not end before it begins."""
    return WithJsonSchema({"anyOf": list(forms)})


WayEntry = Annotated[Way, BeforeValidator(_way), _any_of(_integer(2), _range_of(2))]
"""``5``, or ``[5, 20]``: every episode draws its own."""

_EACH = {"each": _range_of(1, description="what every class draws its own shot from")}

ShotEntry = Annotated[Shot, BeforeValidator(_shot), _any_of(_integer(1), _range_of(1), _mapping(_EACH))]
"""``1``; ``[1, 10]``: every episode draws one for all its classes; ``{each: [1, 10]}``: every class its own."""

_UNEVEN = {
    "total": _integer(1, description="queries of an episode"),
    "dirichlet": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": MOST_CONCENTRATION,
        "description": "concentration; the smaller, the more unevenly classes share the queries",
    },
}

QueriesEntry = Annotated[Queries, BeforeValidator(_queries), _any_of(_integer(1), _mapping(_UNEVEN))]
"""``15`` for each class; ``{total: 75, dirichlet: 2.0}``: so many in all, shared unevenly."""
