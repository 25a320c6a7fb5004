"""A raw configuration checked: all that is wrong with it, one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from kshot.config.configuration import Configuration
from kshot.config.shapes import FixedEntry, ShapeEntry
from kshot.config.stages import Evaluate, Loading, Pretrain, Train
from kshot.errors import nearest


def check(raw: Mapping[str, Any]) -> tuple[Configuration | None, list[str]]:
    """Validate a raw configuration.

    Returns:
        the configuration and its problems. Where only some top-level keys are wrong, the
        configuration of the others is returned beside the problems (so that names in them can
        be checked too); None where that is impossible.
    """
    try:
        return Configuration.model_validate(dict(raw)), []
    except ValidationError as error:
        problems = list(dict.fromkeys(problem_of(details) for details in error.errors()))
        wrong = {details["loc"][0] for details in error.errors() if details["loc"]}
    try:
        return Configuration.model_validate({k: v for k, v in raw.items() if k not in wrong}), problems
    except ValidationError:
        return None, problems


def problem_of(details: Any, known: Sequence[str] | None = None) -> str:
    """One line for one pydantic error: key, what is wrong, the value, the nearest match."""
    location = [str(part) for part in details["loc"]]
    key = ".".join(location)
    if details["type"] == "extra_forbidden":
        known = known or _known_keys(location[:-1])
        return f"{key}: unknown key{nearest(location[-1], known)} (known: {', '.join(known)})"
    if details["type"] == "missing":
        return f"{key}: is missing"
    message = str(details["msg"]).removeprefix("Value error, ")
    given = details["input"]
    shown = "" if isinstance(given, dict | list) else f" (given: {given!r})"
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _known_keys(location: Sequence[str]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "train": Train,
        "pretrain": Pretrain,
        "evaluate": Evaluate,
        "loading": Loading,
    }
    if not location:
        return list(Configuration.model_fields)
    if location[:2] == ["evaluate", "shapes"]:
        return [*ShapeEntry.model_fields, *FixedEntry.model_fields]
    return list(models[location[0]].model_fields) if location[0] in models else []
