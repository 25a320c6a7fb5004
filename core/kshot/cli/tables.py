"""A table on a terminal, and the same as plain aligned lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a titled table, without the columns in which every row is empty."""
    used = [index for index in range(len(columns)) if not rows or any(row[index] for row in rows)]
    head, body = [columns[index] for index in used], [[row[index] for index in used] for row in rows]
    if rows and sys.stdout.isatty():
        _print_rich(title, head, body)
    else:
        typer.echo(_plain(title, head, body))


def _plain(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Full width, nothing cut: what a script or a log needs."""
    if not rows:
        return f"{title}: none\n"
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    ]
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines), ""])


def _print_rich(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        # The first column holds the names, which people copy: never cut or broken.
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False, emoji=False).print(table)
