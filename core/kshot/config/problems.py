"""A raw configuration checked: all that is wrong with it, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from kshot.config.configuration import Configuration
from kshot.config.including import INCLUDE
from kshot.config.levels import known_keys
from kshot.config.text import unshared
from kshot.errors import nearest

Place = tuple[str | int, ...]


def check(raw: Mapping[str, Any]) -> tuple[Configuration | None, list[str]]:
    """Validate a raw configuration.

    Returns:
        the configuration and its problems. Where only some values are wrong, the configuration
        without them is returned beside the problems (so that names in the rest can be checked
        too); None where that is impossible.
    """
    problems: list[str] = []
    rest: dict[str, Any] = unshared(dict(raw))
    while True:
        try:
            return Configuration.model_validate(rest), problems
        except ValidationError as error:
            # What is wrong without the wrong values is their absence, and no mistake of the user's.
            problems = problems or problems_of(error, rest, Configuration)
            places = {_place(rest, details["loc"]) for details in error.errors()}
        if () in places:
            return None, problems
        _remove(rest, places)


def problems_of(error: ValidationError, raw: Any, root: type[BaseModel], where: str = "") -> list[str]:
    """One line for each of pydantic's errors: key, what is wrong, the value, the nearest match.

    Args:
        error: what pydantic raised.
        raw: the value that was checked.
        root: the model that checked it.
        where: the value's own place, for messages.
    """
    found = [(details, _place(raw, details["loc"])) for details in error.errors()]
    # Where another branch of a union says what is wrong with or within a value, that it is not the one word of
    # this branch, such as false, tells nothing and would mislead.
    telling = [
        details
        for details, own in found
        if details["type"] != "literal_error"
        or not any(
            place[: len(own)] == own and (len(place) > len(own) or other["type"] != "literal_error")
            for other, place in found
        )
    ]
    return list(dict.fromkeys(_problem(details, raw, root, where) for details in telling))


def _problem(details: Any, raw: Any, root: type[BaseModel], where: str) -> str:
    location: Place = details["loc"]
    place = _place(raw, location)
    absent = location[-1:] if details["type"] == "missing" else ()
    key = ".".join(str(part) for part in ((where,) if where else ()) + place + absent)
    if details["type"] == "extra_forbidden":
        if key == INCLUDE:
            return f"{key}: is taken up where a file is read; it cannot be set"
        known = known_keys(root, location[:-1])
        more = [INCLUDE] if root is Configuration and len(place) == 1 else []
        close = nearest(str(place[-1]), [*known, *more])
        return f"{key}: unknown key{close} (known: {', '.join([*known, *more])})"
    if absent:
        return f"{key}: is missing"
    message = str(details["msg"]).removeprefix("Value error, ")
    given = details["input"]
    shown = "" if isinstance(given, dict | list | BaseModel) else f" (given: {given!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _place(raw: Any, location: Iterable[str | int]) -> Place:
    """The location as far as it leads in what was written.

    Parts that are not there are passed over: a union's branch, the index of what stands alone for
    a list, a key that is missing.
    """
    place: list[str | int] = []
    for part in location:
        if not _holds(raw, part):
            continue
        raw = raw[part]
        place.append(part)
    return tuple(place)


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value))


def _remove(raw: dict[str, Any], places: Set[Place]) -> None:
    """Take values away; the last of a list first, so that the others stay where they are."""
    outer = [place for place in places if not any(place[:n] in places for n in range(len(place)))]
    for place in sorted(outer, key=lambda place: [f"{part:0>9}" for part in place], reverse=True):
        *above, last = place
        holder: Any = raw
        for part in above:
            holder = holder[part]
        del holder[last]
