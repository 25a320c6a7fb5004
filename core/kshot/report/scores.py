"""The score tables: one for each modality, sortable by every column."""

from __future__ import annotations

from itertools import groupby

from kshot.report.filters import filter_bar, row_data
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.results import Results, Row, Table, Value, legend, tables, text
from kshot.results.tables import NOT_WORSE, RANK

_NARROW = 3
"""Tables of more columns take the whole width of the page."""


def scores_section(results: Results) -> Html:
    """All tables of the results."""
    every = tables(results)
    heading = element("h2", "Scores", id="scores-title")
    if not every:
        return join(heading, element("p", "No cell has run yet.", class_="lead"))
    first, *others = legend(every)
    words = f"{first} The best of a column is coloured. A click on a heading sorts."
    notes = [element("span", sentence, class_="remark") for sentence in others]
    drawn = element("div", *map(_table, every), class_="tables")
    below = [element("p", *notes)] if notes else []
    return join(heading, element("p", words, class_="lead"), filter_bar(results), drawn, *below)


def _table(table: Table) -> Html:
    sources = dict.fromkeys(column.source for column in table.columns)
    title = join(*map(name, sources)) if len(sources) == 1 else Html()
    caption = element("caption", title, element("span", name(table.modality), class_="tag"))
    head = element("thead", *([] if title else [_sources(table)]), _shapes(table))
    body = element("tbody", *(_row(row, table) for row in table.rows))
    drawn = element("table", caption, head, body, class_="scores sortable")
    return scrolling(drawn, f"Scores, {table.modality}", wide=len(table.columns) + table.ranked > _NARROW)


def _sources(table: Table) -> Html:
    """A heading over the columns of each source; one source alone stands in the caption."""
    cells = [
        element("th", name(source), colspan=len(list(group)), scope="colgroup", class_="source")
        for source, group in groupby(table.columns, lambda column: column.source)
    ]
    return element("tr", element("td"), *cells, *([element("td")] if table.ranked else []))


def _shapes(table: Table) -> Html:
    shapes = [column.shape or "no score" for column in table.columns]
    titles = ["learner · encoder", *shapes, *([RANK] if table.ranked else [])]
    return element("tr", *map(sortable, titles))


def sortable(title: str) -> Html:
    """A heading that sorts its table's rows by its column."""
    return element("th", element("button", title, type="button"), scope="col")


def _row(row: Row, table: Table) -> Html:
    marks = [element("span", mark, class_="tag") for mark in row.marks]
    title = element(
        "th",
        element("span", name(row.learner), class_="learner"),
        element("span", name(row.encoder), *marks, class_="encoder"),
        scope="row",
        data_sort=f"{row.learner} {row.encoder}",
    )
    rank = element("td", text.rank(row.rank), class_=None if row.rank else "none", data_sort=row.rank)
    fields = [*map(_value, row.values), *([rank] if table.ranked else [])]
    return element("tr", title, *fields, **row_data(table.modality, row.learner, row.encoder))


def _value(value: Value | None) -> Html:
    if value is None:
        return element("td", class_="none")
    if value.accuracy is None:
        return element("td", "failed", class_="failed")
    interval = "" if value.ci95 is None else f" ± {text.percent(value.ci95)}"
    return element(
        "td",
        element("span", text.percent(value.accuracy), class_="figure"),
        *([element("span", f" {NOT_WORSE}", class_="mark")] if value.not_worse else []),
        element("span", interval, class_="interval"),
        *(element("span", remark, class_="remark") for remark in value.remarks),
        class_="best-value" if value.best else None,
        data_sort=repr(value.accuracy),
    )
