"""Unknown queries: how well each row told them from known ones."""

from __future__ import annotations

from kshot.report.markup import Html, element, join, name, scrolling
from kshot.report.scores import sortable
from kshot.results import RejectionRow, RejectionTable, Results, rejection_legend, rejection_tables


def rejection_section(results: Results) -> Html:
    """A table for each question about unknown queries; empty where no score has any."""
    tables = rejection_tables(results)
    if not tables:
        return Html()
    heading = element("h2", "Unknown queries", id="unknown-title")
    lead = element(
        "p",
        "Beside its own classes each test episode had queries of classes that its support does not show, or of no "
        "class at all. Each table is of rows that met the same queries, and names the score that says how known a "
        f"query looks. {rejection_legend(tables)}",
        class_="lead",
    )
    return join(heading, lead, *map(_table, tables))


def _table(table: RejectionTable) -> Html:
    titles = ["learner · encoder", *table.header[2:]]
    head = element("thead", element("tr", *map(sortable, titles)))
    body = element("tbody", *map(_row, table.rows))
    caption = element("caption", name(table.title))
    drawn = element("table", caption, head, body, class_="scores sortable")
    return scrolling(drawn, f"Unknown queries, {table.title}")


def _row(row: RejectionRow) -> Html:
    title = element(
        "th",
        element("span", name(row.learner), class_="learner"),
        element("span", name(row.encoder), class_="encoder"),
        scope="row",
        data_sort=f"{row.learner} {row.encoder}",
    )
    fields = [
        _field(text, None if one is None else one.mean, best)
        for text, one, best in zip(row.fields, row.found, row.best, strict=True)
    ]
    return element("tr", title, *fields)


def _field(text: str, mean: float | None, best: bool) -> Html:
    if mean is None:
        return element("td", class_="none")
    figure, sign, half = text.partition(" ±")
    return element(
        "td",
        element("span", figure, class_="figure"),
        element("span", sign + half, class_="interval"),
        class_="best-value" if best else None,
        data_sort=repr(mean),
    )
