"""Results as LaTeX, for a paper: a table for each modality, the best of each column in bold."""

from __future__ import annotations

from collections.abc import Iterator

from kshot.results.legend import legend
from kshot.results.schema import Results
from kshot.results.tables import Row, Table, tables
from kshot.results.text import latex, printable, rank


def paper(results: Results) -> str:
    """The LaTeX text: ``tabular`` environments for ``\\input``, which need the package booktabs.

    Names may be of any script; what pdfLaTeX lacks letters for, LuaLaTeX and XeLaTeX set.
    """
    found = tables(results)
    lines = [
        f"% {printable(results.name)}: written by kshot; \\usepackage{{booktabs}}",
        *(f"% {line}" for line in [*legend(found), "The best of a column is bold."]),
    ]
    for table in found:
        lines += ["", f"% {table.modality}", *_tabular(table)]
    return "\n".join(lines) + "\n"


def _tabular(table: Table) -> Iterator[str]:
    yield rf"\begin{{tabular}}{{ll{'r' * (len(table.header) - 2)}}}"
    yield r"\toprule"
    yield _line(map(latex, table.header))
    yield r"\midrule"
    for row, names in zip(table.rows, table.lines, strict=True):
        yield _line([*map(latex, names[:2]), *_figures(row), *([rank(row.rank)] if table.ranked else [])])
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _figures(row: Row) -> Iterator[str]:
    for value in row.values:
        figure = latex(value.text) if value else ""
        yield rf"\textbf{{{figure}}}" if value and value.best else figure


def _line(fields: Iterator[str] | list[str]) -> str:
    return " & ".join(fields) + r" \\"
