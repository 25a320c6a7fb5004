"""Results as Markdown: a table for each modality, the best of each column in bold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kshot.results import text
from kshot.results.legend import legend
from kshot.results.rejection import RejectionTable, rejection_legend, rejection_tables
from kshot.results.schema import Results
from kshot.results.tables import Table, Value, tables
from kshot.results.text import markdown


def summary(results: Results) -> str:
    """The Markdown text: tables, what they mean, and the errors of cells that failed."""
    found = tables(results)
    parts = [
        f"# {markdown(results.name)}",
        *map(_section, found),
        "\n".join([*legend(found), "The best of a column is bold."]),
    ]
    if rejected := rejection_tables(results):
        parts += ["## Unknown queries", *map(_rejection, rejected), rejection_legend(rejected)]
    failures = [cell for cell in results.cells if cell.status == "failed"]
    if failures:
        lines = [
            f"- **{markdown(cell.id)}**: {markdown(cell.error or 'no reason given')}" for cell in failures
        ]
        parts += ["## Failed cells", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    header = [markdown(title) for title in table.header]
    rules = ["---", "---", *("---:" for _ in header[2:])]
    return "\n".join([f"## {markdown(table.modality)}", "", *map(_line, [header, rules, *_rows(table)])])


def _rejection(table: RejectionTable) -> str:
    rules = ["---", "---", *("---:" for _ in table.header[2:])]
    rows = [
        [
            markdown(row.learner),
            markdown(row.encoder),
            *(f"**{field}**" if best else field for field, best in zip(row.fields, row.best, strict=True)),
        ]
        for row in table.rows
    ]
    return "\n".join([f"### {markdown(table.title)}", "", *map(_line, [table.header, rules, *rows])])


def _rows(table: Table) -> Iterable[Sequence[str]]:
    for row, line in zip(table.rows, table.lines, strict=True):
        names = [markdown(name) for name in line[:2]]
        yield [
            *names,
            *(_field(value) for value in row.values),
            *([text.rank(row.rank)] if table.ranked else []),
        ]


def _field(value: Value | None) -> str:
    if value is None:
        return ""
    return f"**{value.text}**" if value.best else value.text


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"
