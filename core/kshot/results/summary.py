"""Results as Markdown: a table for each modality, the best of each column in bold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kshot.results.schema import Results
from kshot.results.tables import Table, Value, tables
from kshot.results.text import markdown


def summary(results: Results) -> str:
    """The Markdown text: tables, what they mean, and the errors of cells that failed."""
    parts = [f"# {markdown(results.name)}", *(_section(table) for table in tables(results)), _legend(results)]
    failures = [cell for cell in results.cells if cell.status == "failed"]
    if failures:
        lines = [
            f"- **{markdown(cell.id)}**: {markdown(cell.error or 'no reason given')}" for cell in failures
        ]
        parts += ["## Failed cells", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    header = [markdown(title) for title in table.header]
    rules = ["---", "---", *("---:" for _ in table.columns)]
    return "\n".join([f"## {markdown(table.modality)}", "", *map(_line, [header, rules, *_rows(table)])])


def _rows(table: Table) -> Iterable[Sequence[str]]:
    for row, line in zip(table.rows, table.lines, strict=True):
        names = [markdown(name) for name in line[:2]]
        yield [*names, *(_field(value) for value in row.values)]


def _field(value: Value | None) -> str:
    if value is None:
        return ""
    return f"**{value.text}**" if value.best else value.text


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _legend(results: Results) -> str:
    lines = [
        "Accuracy in per cent, mean over test episodes ± half-width of the 95 % interval; "
        "the best of a column in bold."
    ]
    marks = {mark for table in tables(results) for row in table.rows for mark in row.marks}
    if "pretrained" in marks:
        lines.append("Pretrained: the encoder came with weights trained on other data.")
    if "untrained" in marks:
        lines.append("Untrained: this run trained nothing of that row.")
    if len({cell.seed for cell in results.cells}) > 1:
        lines.append("Means over seeds; s is the standard deviation between them.")
    return "\n".join(lines)
