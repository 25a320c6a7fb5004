"""Where the figures come from: commit, machine, versions, configuration, episodes, seeds, time, files."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, cast

import yaml

from kshot.report.figures import NONE, count, duration
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.report.rows import scored_rows
from kshot.results import Results, sheet

_FILES = {
    "results.md": "tables as Markdown",
    "results.tex": "tables for a paper",
    "results.csv": "one line a score",
    "results.json": "everything",
    "config.yaml": "the configuration",
}


def provenance_section(results: Results) -> Html:
    """What a reader needs to get the same figures; empty where nothing was recorded."""
    if not results.environment and not results.cells:
        return Html()
    heading = element("h2", "Provenance", id="environment-title")
    return join(
        heading,
        _summary(results),
        _files(results),
        _folded("Versions, machine and commit of this run", _environment(results)),
        _folded("Configuration, every default written out", _configuration(results)),
        _folded("Test episodes of each source and shape", _manifests(results)),
    )


def _summary(results: Results) -> Html:
    cells = results.cells
    seconds = sum((cell.train.seconds or 0) + (cell.train.pretrain_seconds or 0) for cell in cells)
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    entries = [
        ("commit", _text(results.environment.get("commit"))),
        ("device", _text(results.environment.get("device_name") or results.environment.get("device"))),
        ("training seeds", ", ".join(map(str, seeds)) or NONE),
        ("time of all trainings", duration(seconds)),
    ]
    if results.configuration:
        entries.append(("again", "kshot bench config.yaml"))
    return element("dl", *(_pair(key, value) for key, value in entries), class_="pairs")


def _files(results: Results) -> Html:
    """Links to the files beside this one, and the table in this one."""
    links = [
        element("li", element("a", file, href=file), f": {what}")
        for file, what in _FILES.items()
        if file != "config.yaml" or results.configuration
    ]
    inside = "data:text/csv;charset=utf-8;base64," + base64.b64encode(
        sheet(results).encode("utf-8", "backslashreplace")
    ).decode("ascii")
    saved = element("a", "Save the scores as CSV", href=inside, download="results.csv")
    return join(
        element("p", saved, " (they are in this file), or see the files beside it:"),
        element("ul", *links, class_="files"),
    )


def _folded(title: str, body: Html) -> Html:
    return element("details", element("summary", title), body) if body else Html()


def _environment(results: Results) -> Html:
    entries = list(_flat(results.environment))
    return (
        element("dl", *(_pair(key, value) for key, value in entries), class_="pairs") if entries else Html()
    )


def _configuration(results: Results) -> Html:
    if not results.configuration:
        return Html()
    text = yaml.safe_dump(results.configuration, sort_keys=False, allow_unicode=True)
    return element("pre", text, class_="code", tabindex=0)


def _manifests(results: Results) -> Html:
    """The full hash of the test episodes; a line for each that a source and shape was scored on."""
    found: dict[tuple[str, str, int, str], None] = {}
    for row in scored_rows(results):
        for score in row.scores:
            found[row.source, row.shape, score.episodes, score.manifest] = None
    if not found:
        return Html()
    head = element(
        "tr", *(element("th", title, scope="col") for title in ("source", "shape", "episodes", "hash"))
    )
    body = [
        element(
            "tr",
            element("th", name(source), scope="row"),
            element("td", shape),
            element("td", count(episodes)),
            element("td", element("code", manifest or NONE)),
        )
        for source, shape, episodes, manifest in found
    ]
    table = element("table", element("thead", head), element("tbody", *body), class_="plain")
    return scrolling(table, "Hashes of the test episodes")


def _pair(key: str, value: str) -> Html:
    return join(element("dt", key), element("dd", value))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(cast("dict[str, Any]", value), f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, cast("list[Any]", value)))
    return NONE if value is None else str(value)
