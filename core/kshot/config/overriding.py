"""``--set key.path=value``: one key of a raw configuration given another value."""

from __future__ import annotations

from typing import Any, cast

from kshot.config.text import parse

MAX_PARTS = 50
"""Of a key, between its dots."""


def override(raw: dict[str, Any], given: str) -> str | None:
    """Apply one override in place; the problem, if there is one."""
    key, equals, text = given.partition("=")
    if not equals or not key:
        return f"{given!r}: write --set key=value, such as --set train.episodes=100"
    try:
        value = parse(text)
    except ValueError:
        return f"{key}: the value {text!r} is not valid YAML"
    place: Any = raw
    parts = key.split(".")
    if len(parts) > MAX_PARTS:
        return f"{key[:80]}…: a key of {len(parts)} parts; no configuration is so deep"
    for depth, part in enumerate(parts[:-1]):
        place = _step(place, part)
        if place is None:
            return f"{key}: there is nothing under '{'.'.join(parts[: depth + 1])}'"
    last = parts[-1]
    if isinstance(place, dict):
        place[last] = value
        return None
    if isinstance(place, list) and last.isdigit() and int(last) < len(cast("list[Any]", place)):
        place[int(last)] = value
        return None
    return f"{key}: '{last}' fits nowhere there"


def _step(place: Any, part: str) -> Any:
    """One step down, making a mapping where a key is absent, empty or a bare name."""
    if isinstance(place, dict):
        table = cast("dict[str, Any]", place)
        if table.get(part) is None:
            table[part] = {}
        elif isinstance(table[part], str):
            table[part] = {"use": table[part]}
        return table[part]
    if isinstance(place, list) and part.isdigit() and int(part) < len(cast("list[Any]", place)):
        items = cast("list[Any]", place)
        if isinstance(items[int(part)], str):
            items[int(part)] = {"use": items[int(part)]}
        return items[int(part)]
    return None
