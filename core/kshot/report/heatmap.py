"""The heat map: how far above chance each learner stands in each modality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from kshot.report.figures import points
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.results import Column, Results, Row, Table, Value, tables

_STRONG = 0.82
"""From this share of the way from chance to perfect on, a field takes the text colour of the full hue."""


@dataclass(frozen=True)
class _Line:
    """One line of the map: a learner, with one encoder of each modality."""

    learner: str
    rows: tuple[Row | None, ...]

    @property
    def encoders(self) -> str:
        return ", ".join(row.encoder for row in self.rows if row)


def heatmap_section(results: Results) -> Html:
    """Learners down, sources and shapes across; empty where nothing was scored."""
    every = tables(results)
    if not any(value and value.accuracy is not None for t in every for row in t.rows for value in row.values):
        return Html()
    heading = element("h2", "Above chance", id="heatmap-title")
    lead = element(
        "p",
        "Percentage points above chance. ",
        element("span", "chance", element("i"), "perfect score", class_="scale", aria_hidden="true"),
        class_="lead",
    )
    head = element("thead", _sources(every), _shapes(every))
    body = element("tbody", *(_line(line, every) for line in _lines(every)))
    table = element("table", head, body, class_="heat")
    return join(heading, lead, scrolling(table, "Accuracy above chance"))


def _lines(every: list[Table]) -> Iterable[_Line]:
    """Each learner's encoders of a modality, paired with those of the others in their order."""
    learners = dict.fromkeys(row.learner for table in every for row in table.rows)
    for learner in learners:
        rows = [[row for row in table.rows if row.learner == learner] for table in every]
        for rank in range(max(map(len, rows))):
            yield _Line(learner, tuple(own[rank] if rank < len(own) else None for own in rows))


def _sources(every: list[Table]) -> Html:
    cells = [
        element(
            "th",
            name(source),
            element("span", table.modality, class_="tag"),
            colspan=len(list(group)),
            scope="colgroup",
            class_="source",
        )
        for table in every
        for source, group in groupby(table.columns, lambda column: column.source)
    ]
    return element("tr", element("td"), *cells)


def _shapes(every: list[Table]) -> Html:
    titles = [element("th", column.shape, scope="col") for table in every for column in table.columns]
    return element("tr", element("th", "learner", scope="col"), *titles)


def _line(line: _Line, every: list[Table]) -> Html:
    title = element(
        "th",
        element("span", name(line.learner), class_="learner"),
        element("span", name(line.encoders), class_="encoder"),
        scope="row",
    )
    fields = [
        _field(row, column, index)
        for table, row in zip(every, line.rows, strict=True)
        for index, column in enumerate(table.columns)
    ]
    return element("tr", title, *fields)


def _field(row: Row | None, column: Column, index: int) -> Html:
    value = row.values[index] if row else None
    if row is None or value is None:
        return element("td", class_="none")
    title = f"{row.learner} · {row.encoder}, {column.title}: {value.text}"
    if value.accuracy is None:
        return element("td", "failed", class_="failed", title=title)
    share = _share(value)
    return element(
        "td",
        points(value.accuracy - (value.chance or 0)),
        class_="strong" if share >= _STRONG else None,
        style=f"--share:{share:.3f}",
        title=title,
    )


def _share(value: Value) -> float:
    """How much of the way from chance to a perfect score, 0 … 1."""
    chance = value.chance or 0
    room = 1 - chance
    return max(0.0, ((value.accuracy or 0) - chance) / room) if room > 0 else 0.0
