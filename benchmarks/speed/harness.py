"""Time kshot beside its peers and beside plain torch, and write the page.

    make speed
    python benchmarks/speed/harness.py [--rows TEXT ...] [--peers PYTHON] [--page FILE]

The contenders of a row take turns, a process each; of every contender the median turn counts. A turn
in which others kept the machine busy is taken again; a row where that never ends is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from contender import Contender, RefusedError, Turn
from load import BOUND
from page import figure, write
from rows import PEERS, ROWS, Row

TURNS = 5
SECONDS = 2.0
"""What a turn should take at least; long enough for the turns of a row to be alike."""

RETRIES = 20
"""Turns of a row that may be lost to foreign load."""


@dataclass(frozen=True)
class Timed:
    """Of a contender at a row: units a second in each turn, and peak memory in MiB; or why there are none."""

    rates: tuple[float, ...] = ()
    peak: float = 0.0
    refused: str = ""

    @property
    def median(self) -> float:
        """Units a second."""
        return statistics.median(self.rates)


Table = dict[str, dict[str, Timed]]
"""Row's name → contender's name → what was timed."""


class TooBusyError(Exception):
    """Others do not leave the machine alone."""


def timed(row: Row, pythons: Mapping[str, Path]) -> dict[str, Timed]:
    """All contenders of a row, turn by turn.

    Raises:
        TooBusyError: too many turns were lost to foreign load.
    """
    names = ["kshot", *(["reference"] if row.reference else []), *row.peers]
    result: dict[str, Timed] = {}
    with contextlib.ExitStack() as stack:
        contenders: dict[str, Contender] = {}
        for name in names:
            try:
                contenders[name] = stack.enter_context(Contender(pythons[name], module(name), row.name))
            except RefusedError as error:
                result[name] = Timed(refused=str(error))
        counts = {name: units(contender) for name, contender in contenders.items()}
        turns: dict[str, list[Turn]] = {name: [] for name in contenders}
        lost = 0
        while any(len(taken) < TURNS for taken in turns.values()):
            for name, contender in contenders.items():
                turn = contender.turn(counts[name])
                if turn.foreign <= BOUND:
                    turns[name].append(turn)
                    continue
                lost += 1
                if lost > RETRIES:
                    raise TooBusyError(
                        f"{turn.foreign:.1f} cores are busy with something else; stop that and start again"
                    )
    for name, taken in turns.items():
        rates = tuple(counts[name] * row.per_unit / turn.seconds for turn in taken)
        result[name] = Timed(rates, max(turn.peak for turn in taken))
    return result


def units(contender: Contender) -> int:
    """How many units fill a turn; asking warms the contender up."""
    count = 1
    while True:
        seconds = contender.turn(count).seconds
        if seconds >= SECONDS / 2:
            return max(1, round(count * SECONDS / seconds))
        count = max(count * 2, min(count * 16, int(count * SECONDS / max(seconds, 1e-6))))


def module(name: str) -> str:
    """Where a contender stands in this folder."""
    return {"kshot": "ours", "reference": "reference"}.get(name, f"{name}_peer")


def chosen(texts: list[str]) -> Iterator[Row]:
    """Rows in whose name one of the texts stands; all where there is none."""
    return (row for row in ROWS if not texts or any(text in row.name for text in texts))


def main() -> None:
    """Time and write."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "--rows", nargs="*", default=[], metavar="TEXT", help="only rows with this in their name"
    )
    arguments.add_argument(
        "--peers", type=Path, default=Path(".venv-peers/bin/python"), help="peers' interpreter"
    )
    arguments.add_argument("--page", type=Path, help="Markdown file to write; default: print it")
    options = arguments.parse_args()
    pythons = dict.fromkeys(PEERS, options.peers)
    pythons |= {name: Path(sys.executable) for name in ("kshot", "reference")}
    table: Table = {}
    busy: list[str] = []
    for row in chosen(options.rows):
        try:
            table[row.name] = timed(row, pythons)
        except TooBusyError as error:
            busy.append(f"{row.name}: {error}")
            continue
        told = (
            f"{n} {figure(t.median)}" if t.rates else f"{n}: {t.refused}" for n, t in table[row.name].items()
        )
        print(f"{row.name}: {', '.join(told)}", file=sys.stderr, flush=True)
    write(table, pythons, options.page)
    if busy:
        raise SystemExit("\n".join(["Not timed:", *busy]))


if __name__ == "__main__":
    main()
