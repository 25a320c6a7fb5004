"""A classifier's answers, asked for and printed for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from kshot.classifier import Answer, FewShotClassifier
from kshot.classifier.things import read_each
from kshot.cli.product.items import Item
from kshot.cli.tables import plain_table
from kshot.errors import KshotError, UnusableError
from kshot.results.text import percent, printable, unformula

Said = Sequence[tuple[Item, Answer | str]]
"""Things, each with what was said of it, or why it cannot be used."""


def answered(classifier: FewShotClassifier, things: Sequence[Any], top: int) -> list[Answer | str]:
    """What is said of each thing, asked for together; of one that cannot be used why not.

    Args:
        classifier: fitted.
        things: to ask about.
        top: classes to name for each.
    """
    raw, reasons = read_each(classifier.reader_, things)
    while True:
        try:
            said = classifier.answers(list(raw.values()), top)
            break
        except UnusableError as error:  # what can be read need not suit the encoder
            numbers = list(raw)
            for place, reason in error.reasons.items():
                reasons[numbers[place]] = reason
                del raw[numbers[place]]
    found: dict[int, Answer | str] = {**reasons, **dict(zip(raw, said, strict=True))}
    return [found[number] for number in range(len(things))]


def print_plain(answers: Said) -> None:
    """Aligned lines, of what was answered, each with the beginning of its text or its whole path."""
    rows = [
        [
            item.shown,
            printable(one.label),
            ", ".join(f"{printable(label)} {percent(share)} %" for label, share in one.ranked),
        ]
        for item, one in answers
        if isinstance(one, Answer)
    ]
    if rows:
        typer.echo(plain_table(["", "class", "probability"], rows))


def print_json(answers: Said) -> None:
    """A list of objects; one that could not be used has no label and an ``error``."""
    plain = [{"input": item.name, **_plain(one)} for item, one in answers]
    typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))


def print_csv(answers: Said) -> None:
    """A line for each thing; what a spreadsheet would run as a formula is neutralised."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    most = max((len(one.ranked) for _, one in answers if isinstance(one, Answer)), default=0)
    pairs = [title for k in range(1, most + 1) for title in (f"class_{k}", f"probability_{k}")]
    writer.writerow(["input", "label", *pairs, "error"])
    for item, one in answers:
        if isinstance(one, Answer):
            ranked = [field for label, share in one.ranked for field in (unformula(label), f"{share:.6f}")]
            writer.writerow([unformula(item.name), unformula(one.label), *ranked, ""])
        else:
            writer.writerow([unformula(item.name), "", *[""] * len(pairs), unformula(one)])


def tell_unusable(answers: Said) -> int:
    """Name on the standard error what could not be used, a line each; how much that was."""
    reasons = [(item, one) for item, one in answers if isinstance(one, str)]
    for item, reason in reasons:
        # Of bounded length, whatever a text's is.
        told = KshotError(f"{item.called} cannot be used: {reason}")
        typer.echo(f"kshot: {printable(str(told))}", err=True)
    return len(reasons)


def _plain(one: Answer | str) -> dict[str, Any]:
    if isinstance(one, str):
        return {"label": None, "top": [], "error": one}
    ranked = [{"label": label, "probability": share} for label, share in one.ranked]
    return {"label": one.label, "top": ranked}
