"""A table on a terminal, and the same as plain aligned lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

import typer


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], below: Collection[str] = ()
) -> None:
    """Print a titled table, without the columns in which every row is empty.

    Args:
        title: what stands above it.
        columns: their names.
        rows: as many cells each.
        below: columns that a terminal, which is narrow, shows below the one before them.
    """
    used = [index for index in range(len(columns)) if not rows or any(row[index] for row in rows)]
    head, body = [columns[index] for index in used], [[row[index] for index in used] for row in rows]
    if rows and sys.stdout.isatty():
        _print_rich(title, head, body, below)
    elif rows:
        lines = plain_table(head, body).splitlines()
        typer.echo("\n".join([f"{title}:", *(f"  {line}" for line in lines), ""]))
    else:
        typer.echo(f"{title}: none\n")


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned lines of full width, nothing cut: what a script or a log needs."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (columns, *rows)
    )


def _print_rich(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], below: Collection[str]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for index, column in enumerate(column for column in columns if column not in below):
        # The first column holds the names, which people copy: never cut or broken.
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*_stacked(columns, row, below))
    Console(markup=False, highlight=False, emoji=False).print(table)


def _stacked(columns: Sequence[str], row: Sequence[str], below: Collection[str]) -> list[Any]:
    from rich.text import Text

    cells: list[Text] = []
    for column, cell in zip(columns, row, strict=True):
        if column not in below:
            cells.append(Text(cell))
        elif cell:
            cells[-1].append(f"\n{column}: {cell}", "dim")
    return cells
