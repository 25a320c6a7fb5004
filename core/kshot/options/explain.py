"""pydantic's errors in a user's words: key, what is allowed, what was given, the nearest match."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from kshot.errors import nearest

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "text",
    type(None): "null",
    Any: "any value",
}

_PHRASES = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid string": "text",
    "a valid list": "a list",
    "a valid array": "a list",
    "an object": "a mapping",
}


def describe(annotation: Any) -> str:
    """What an annotation allows, as a noun phrase."""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(arguments[0])
    if origin is Literal:
        return " or ".join(repr(value) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(argument) for argument in arguments))
    if origin is tuple:
        return "a list" if ... in arguments else f"a list of {len(arguments)} values"
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return "a mapping"
    if inspect.isclass(origin) and issubclass(origin, typing.Iterable):
        return f"a list (each {describe(arguments[0])})"
    return _describe_class(annotation)


def _describe_class(annotation: Any) -> str:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return f"a mapping with {', '.join(annotation.model_fields)}"
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return " or ".join(repr(member.value) for member in annotation)
    return "text" if getattr(annotation, "__module__", "") == "pathlib" else str(annotation)


class _Detail(NamedTuple):
    """One of pydantic's errors, its place told apart from the branch of a union it came from."""

    path: str
    last: str
    branch: tuple[str, str]
    kind: str
    message: str
    value: object


def explain(error: ValidationError, key: str, given: object, annotation: Any) -> list[str]:
    """One line for each thing that is wrong with the value of one key.

    Args:
        error: what pydantic raised.
        key: the key's path in the configuration.
        given: the value that was checked.
        annotation: what the key may hold.
    """
    details = [_detail(cast("dict[str, Any]", one), given) for one in error.errors(include_url=False)]
    lines: list[str] = []
    for some in _branches(details):
        outside = [one for one in some if one.path == one.branch[0] and one.branch[1]]
        if len(outside) == len(some) > 1:
            # No branch of a union fits: its errors are one problem, not one for each branch.
            allowed = describe(annotation) if not some[0].path else _alternatives(some)
            lines.append(f"{key}{some[0].path}: should be {allowed}{_given(some[0].value)}")
        else:
            lines += [_line(one, key, annotation) for one in some]
    return list(dict.fromkeys(lines))


def _detail(error: Mapping[str, Any], given: object) -> _Detail:
    """Walk along the location: what is no key of the value is the name of a union's branch."""
    path, last, branch = "", "", ("", "")
    value: Any = given
    location: Sequence[int | str] = error["loc"]
    for depth, part in enumerate(location):
        absent = error["type"] == "missing" and depth == len(location) - 1
        if isinstance(value, dict) and (part in value or absent):
            path, last, value = f"{path}.{part}", str(part), cast("Any", value).get(part)
        elif isinstance(value, list) and isinstance(part, int):
            elements = cast("list[Any]", value)
            path, last, value = f"{path}[{part}]", "", elements[part] if part < len(elements) else None
        elif not branch[1]:
            branch = (path, str(part))
    return _Detail(path, last, branch, error["type"], error["msg"], error["input"])


def _branches(details: Iterable[_Detail]) -> Iterator[list[_Detail]]:
    """Errors that belong together; of a union's branches only the one that comes closest."""
    places: dict[str, dict[str, list[_Detail]]] = {}
    for one in details:
        if one.branch[1]:
            places.setdefault(one.branch[0], {}).setdefault(one.branch[1], []).append(one)
        else:
            yield [one]
    for place, branches in places.items():
        inside = [some for some in branches.values() if any(one.path != place for one in some)]
        yield min(inside, key=len) if inside else [one for some in branches.values() for one in some]


def _line(one: _Detail, key: str, annotation: Any) -> str:
    where = f"{key}{one.path}"
    if one.kind == "missing":
        return f"{where}: is missing"
    if one.kind == "extra_forbidden":
        known = _keys(annotation, one.branch[1])
        return f"{where}: unknown key{nearest(one.last, known)} (known: {', '.join(known)})"
    if not one.path and (one.kind.endswith("_type") or one.kind == "literal_error"):
        hint = nearest(one.value, _choices(annotation)) if isinstance(one.value, str) else ""
        return f"{where}: should be {describe(annotation)}{hint}{_given(one.value)}"
    return f"{where}: {_plain(one.message)}{_given(one.value)}"


def _given(value: object) -> str:
    return "" if isinstance(value, dict | list) else f" (given: {'null' if value is None else repr(value)})"


def _plain(message: str) -> str:
    """A message of pydantic's in the words that :func:`describe` uses."""
    for theirs, ours in _PHRASES.items():
        message = message.replace(theirs, ours)
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _alternatives(details: Sequence[_Detail]) -> str:
    texts = [_plain(one.message).removeprefix("should be ") for one in details]
    return " or ".join(dict.fromkeys(texts))


def _parts(annotation: Any) -> Iterator[Any]:
    """An annotation, and everything that it is put together from."""
    yield annotation
    for argument in get_args(annotation):
        if get_origin(annotation) is not Literal:
            yield from _parts(argument)
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            yield from _parts(field.annotation)


def _choices(annotation: Any) -> list[str]:
    literals = [one for one in _parts(annotation) if get_origin(one) is Literal]
    return [value for one in literals for value in get_args(one) if isinstance(value, str)]


def _keys(annotation: Any, branch: str) -> list[str]:
    """Keys of the models in an annotation, or of the one that a branch of a union names."""
    models = [one for one in _parts(annotation) if inspect.isclass(one) and issubclass(one, BaseModel)]
    named = [one for one in models if one.__name__ == branch] or models
    return list(dict.fromkeys(key for model in named for key in model.model_fields))
