"""A classifier's answers, printed for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from kshot.cli.tables import plain_table
from kshot.results.text import percent, printable, unformula


@dataclass(frozen=True)
class Answer:
    """What was said of one thing.

    Attributes:
        name: the thing's.
        label: its class, or ``unknown``.
        ranked: the likeliest classes with their probabilities.
    """

    name: str
    label: str
    ranked: Sequence[tuple[str, float]]


def print_plain(answers: Sequence[Answer]) -> None:
    """Aligned lines."""
    rows = [
        [
            printable(one.name),
            printable(one.label),
            ", ".join(f"{printable(name)} {percent(share)} %" for name, share in one.ranked),
        ]
        for one in answers
    ]
    typer.echo(plain_table(["", "class", "probability"], rows))


def print_json(answers: Sequence[Answer]) -> None:
    """A list of objects."""
    plain = [
        {
            "input": one.name,
            "label": one.label,
            "top": [{"label": name, "probability": share} for name, share in one.ranked],
        }
        for one in answers
    ]
    typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))


def print_csv(answers: Sequence[Answer]) -> None:
    """A line for each thing; what a spreadsheet would run as a formula is neutralised."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    most = max(len(one.ranked) for one in answers)
    pairs = [title for k in range(1, most + 1) for title in (f"class_{k}", f"probability_{k}")]
    writer.writerow(["input", "label", *pairs])
    for one in answers:
        ranked = [field for name, share in one.ranked for field in (unformula(name), f"{share:.6f}")]
        writer.writerow([unformula(one.name), unformula(one.label), *ranked])
