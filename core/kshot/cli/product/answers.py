"""A classifier's answers, printed for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence

import typer

from kshot.classifier import Answer
from kshot.cli.tables import plain_table
from kshot.results.text import percent, printable, unformula

Named = Sequence[tuple[str, Answer]]
"""Things by name, each with what was said of it."""


def print_plain(answers: Named) -> None:
    """Aligned lines."""
    rows = [
        [
            printable(name),
            printable(one.label),
            ", ".join(f"{printable(label)} {percent(share)} %" for label, share in one.ranked),
        ]
        for name, one in answers
    ]
    typer.echo(plain_table(["", "class", "probability"], rows))


def print_json(answers: Named) -> None:
    """A list of objects."""
    plain = [
        {
            "input": name,
            "label": one.label,
            "top": [{"label": label, "probability": share} for label, share in one.ranked],
        }
        for name, one in answers
    ]
    typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))


def print_csv(answers: Named) -> None:
    """A line for each thing; what a spreadsheet would run as a formula is neutralised."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    most = max(len(one.ranked) for _, one in answers)
    pairs = [title for k in range(1, most + 1) for title in (f"class_{k}", f"probability_{k}")]
    writer.writerow(["input", "label", *pairs])
    for name, one in answers:
        ranked = [field for label, share in one.ranked for field in (unformula(label), f"{share:.6f}")]
        writer.writerow([unformula(name), unformula(one.label), *ranked])
