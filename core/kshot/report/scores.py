"""The score tables: one for each modality, sortable by every column."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from kshot.report.filters import filter_bar, row_data
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.results import Column, Results, Row, Table, Value, tables
from kshot.results.text import percent

_NARROW = 3
"""Tables of more columns take the whole width of the page."""


def scores_section(results: Results) -> Html:
    """All tables of the results."""
    every = tables(results)
    heading = element("h2", "Scores", id="scores-title")
    if not every:
        return join(heading, element("p", "No cell has run yet.", class_="lead"))
    lead = element(
        "p",
        "Accuracy in per cent ± half-width of the 95\u00a0% interval. A click on a heading sorts.",
        class_="lead",
    )
    return join(heading, lead, filter_bar(results), element("div", *map(_table, every), class_="tables"))


def _table(table: Table) -> Html:
    sources = dict.fromkeys(column.source for column in table.columns)
    title = join(*map(name, sources)) if len(sources) == 1 else Html()
    caption = element("caption", title, element("span", name(table.modality), class_="tag"))
    head = element("thead", *([] if title else [_sources(table.columns)]), _shapes(table.columns))
    body = element("tbody", *(_row(row, table.modality) for row in table.rows))
    drawn = element("table", caption, head, body, class_="scores sortable")
    return scrolling(drawn, f"Scores, {table.modality}", wide=len(table.columns) > _NARROW)


def _sources(columns: Iterable[Column]) -> Html:
    """A heading over the columns of each source; one source alone stands in the caption."""
    cells = [
        element("th", name(source), colspan=len(list(group)), scope="colgroup", class_="source")
        for source, group in groupby(columns, lambda column: column.source)
    ]
    return element("tr", element("td"), *cells)


def _shapes(columns: Iterable[Column]) -> Html:
    titles = ["learner · encoder", *(column.shape or "no score" for column in columns)]
    return element("tr", *map(sortable, titles))


def sortable(title: str) -> Html:
    """A heading that sorts its table's rows by its column."""
    return element("th", element("button", title, type="button"), scope="col")


def _row(row: Row, modality: str) -> Html:
    marks = [element("span", mark, class_="tag") for mark in row.marks]
    title = element(
        "th",
        element("span", name(row.learner), class_="learner"),
        element("span", name(row.encoder), *marks, class_="encoder"),
        scope="row",
        data_sort=f"{row.learner} {row.encoder}",
    )
    return element("tr", title, *map(_value, row.values), **row_data(modality, row.learner, row.encoder))


def _value(value: Value | None) -> Html:
    if value is None:
        return element("td", class_="none")
    if value.accuracy is None:
        return element("td", "failed", class_="failed")
    interval = "" if value.ci95 is None else f" ± {percent(value.ci95)}"
    return element(
        "td",
        element("span", percent(value.accuracy), class_="figure"),
        element("span", interval, class_="interval"),
        *(element("span", remark, class_="remark") for remark in value.remarks),
        class_="best-value" if value.best else None,
        data_sort=repr(value.accuracy),
    )
