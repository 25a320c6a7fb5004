"""What the figures depend on besides the configuration: versions, device, commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from kshot.report.markup import Html, element, join
from kshot.results import Results


def environment_section(results: Results) -> Html:
    """The environment, folded; empty where none was recorded."""
    entries = list(_flat(results.environment))
    if not entries:
        return Html()
    heading = element("h2", "Environment", id="environment-title")
    rows = [join(element("dt", key), element("dd", value)) for key, value in entries]
    summary = element("summary", "Versions, machine and commit of this run")
    return join(heading, element("details", summary, element("dl", *rows, class_="pairs")))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, cast("list[Any]", value)))
    return "–" if value is None else str(value)
