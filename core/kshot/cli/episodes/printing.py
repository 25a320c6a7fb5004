"""Episodes as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence

import typer

from kshot.cli.episodes.asked import Asked
from kshot.interfaces import Source
from kshot.results.text import printable

WIDEST = 110
INDENT = 16


def print_heading(asked: Asked) -> None:
    """Print what is drawn, from where, and the hash of all episodes."""
    shape, split = asked.sampler.shape, asked.sampler.split
    seed = "as published" if asked.seed is None else f"seed {asked.seed}"
    count = f"{asked.count:,} {split} episodes"
    typer.echo(printable(f"{asked.part.id}: {count} of {shape.asked}, {seed}"))
    typer.echo(f"manifest {asked.manifest}")


def print_episode(asked: Asked, number: int) -> None:
    """Print an episode's sizes, and class by class where its examples lie, or what they say."""
    sides = list(asked.sides(number))
    support, query = (sum(len(side[which]) for side in sides) for which in (1, 2))
    typer.echo(f"\nepisode {number}: {len(sides)} classes, {support} support and {query} query examples")
    for name, *rows in sides:
        typer.echo(f"  {printable(name)}")
        for word, some in zip(("support", "query"), rows, strict=True):
            for line in _lines(asked.source, f"{word} {len(some)}", some):
                typer.echo(line)


def _lines(source: Source, heading: str, rows: Sequence[int]) -> Iterator[str]:
    """What the examples of some rows say, where they are texts, and else where they lie."""
    width = min(WIDEST, shutil.get_terminal_size().columns)
    start = f"    {heading}".ljust(INDENT)
    texts: dict[int, str] = {}
    for row in rows:
        shown = source.present(source.fetch(row))
        if shown.media == "text/plain":
            texts[row] = printable(shown.data.decode("utf-8", "replace"))
        elif not source.parts:  # the others are of the same kind
            break
    if places := [printable(source.place(row)) for row in rows if row not in texts]:
        yield from textwrap.wrap(
            "; ".join(places),
            width,
            initial_indent=start,
            subsequent_indent=" " * INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        start = " " * INDENT
    for text in [texts[row] for row in rows if row in texts] or ([] if places else [""]):
        yield f"{start}{textwrap.shorten(text, max(20, width - INDENT), placeholder=' …')}".rstrip()
        start = " " * INDENT
