"""What a source holds, as text for a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import typer

from kshot.cli.sources.histogram import histogram
from kshot.cli.sources.opening import Opened
from kshot.cli.sources.overview import Numbers
from kshot.cli.tables import plain_table
from kshot.results.text import printable
from kshot.shapes import SPLITS, Split

WIDEST = 110
SKIPPED = 10
"""Skipped examples that are named; ``--json`` has all."""


def print_overview(opened: Opened, numbers: Mapping[Split, Numbers], shown: Split) -> None:
    """Print what a source is, its splits in numbers, the classes of one of them, and what is skipped."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    typer.echo(textwrap.fill(f"{opened.name}: {opened.entry.spec.summary}", width) + "\n")
    for line in _facts(opened, width):
        typer.echo(line)
    typer.echo()
    typer.echo(plain_table(("split", "classes", "examples", "per class", "groups"), _rows(numbers)))
    first, *lines = histogram(numbers[shown].sizes, width, _bar())
    typer.echo(f"\n{shown}, {first}")
    for line in lines:
        typer.echo(line)
    for note in opened.source.notes:
        typer.echo("\n" + textwrap.shorten(printable(note), 8 * width, placeholder=" … (--json names all)"))
    for line in _skipped(opened.source.skipped):
        typer.echo(line)


def _facts(opened: Opened, width: int) -> Iterator[str]:
    entry = opened.entry
    told = {
        "modality": entry.modality,
        "distribution": entry.provider,
        "licence": entry.spec.licence,
        "citation": entry.spec.paper,
        **{name: _option(value) for name, value in opened.options.items() if name != "split"},
        "split": opened.split,
    }
    told = {name: printable(text) for name, text in told.items() if text}
    column = max(map(len, told)) + 2
    for name, text in told.items():
        yield textwrap.fill(
            text,
            width,
            initial_indent=f"  {name:{column}}",
            subsequent_indent=" " * (column + 2),
            break_on_hyphens=False,
        )


def _option(value: object) -> str:
    """An option's value in a line; nothing where it says nothing."""
    if value is None or value == [] or value == "":
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        some = cast("dict[str, Any]", value)
        return str(some["use"]) if "use" in some else ", ".join(f"{k}: {_option(v)}" for k, v in some.items())
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(numbers: Mapping[Split, Numbers]) -> list[tuple[str, ...]]:
    none = ("none", "", "", "")
    return [_row(split, numbers[split]) if split in numbers else (split, *none) for split in SPLITS]


def _row(split: Split, numbers: Numbers) -> tuple[str, ...]:
    of = numbers.per_class
    spread = [f"{of[name]:,.1f}".removesuffix(".0") for name in ("min", "median", "max")]
    counted = {**numbers.parts, **numbers.class_groups, **numbers.example_groups}
    groups = [f"{name} {count:,}" for name, count in counted.items()]
    per_class = spread[0] if len(set(spread)) == 1 else f"{spread[0]} … {spread[2]}, median {spread[1]}"
    return split, f"{len(numbers.sizes):,}", f"{numbers.examples:,}", per_class, ", ".join(groups)


def _skipped(skipped: Sequence[str]) -> Iterator[str]:
    if not skipped:
        return
    yield f"\nskipped as unusable: {len(skipped):,}"
    yield from (f"  {printable(one)}" for one in skipped[:SKIPPED])
    if len(skipped) > SKIPPED:
        yield f"  and {len(skipped) - SKIPPED:,} more (--json names all)"


def _bar() -> str:
    """What bars are made of, where the output can show it."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#"
    return "█"
