"""The headline: for each source and shape the best score, and whose it is."""

from __future__ import annotations

from collections.abc import Iterable

from kshot.report.markup import Html, element, escape, join, name
from kshot.results import Results, Row, Table, Value, tables
from kshot.results.text import percent

Winner = tuple[str, Row, Value]


def best_section(results: Results) -> Html:
    """A card for each source that was scored."""
    cards = [card for table in tables(results) for card in _cards(table)]
    if not cards:
        return Html()
    heading = element("h2", "Best of each source", id="best-title", class_="unseen")
    return join(heading, element("div", *cards, class_="best"))


def _cards(table: Table) -> Iterable[Html]:
    for source in dict.fromkeys(column.source for column in table.columns):
        winners = list(_winners(table, source))
        if winners:
            title = element("h3", name(source), element("span", table.modality, class_="tag"))
            yield element("div", title, *map(_line, winners), class_="card")


def _winners(table: Table, source: str) -> Iterable[Winner]:
    for index, column in enumerate(table.columns):
        scored = [
            (value.accuracy, row, value)
            for row in table.rows
            if (value := row.values[index]) and value.accuracy is not None
        ]
        if column.source == source and scored:
            _, row, value = max(scored, key=lambda entry: entry[0])
            yield column.shape, row, value


def _line(winner: Winner) -> Html:
    shape, row, value = winner
    interval = "" if value.ci95 is None else f" ± {percent(value.ci95)}"
    figure = element(
        "span",
        percent(value.accuracy or 0),
        element("small", f"{interval} %"),
        class_="figure",
    )
    whose = join(name(row.learner), escape(" · "), name(row.encoder))
    return element(
        "p", element("span", shape, class_="shape"), figure, element("span", whose, class_="whose")
    )
