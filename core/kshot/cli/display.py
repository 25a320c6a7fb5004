"""What a person sees while a benchmark runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self, final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kshot import results
from kshot.hookspecs import hookimpl
from kshot.results.text import clock, pace

BEST = "*"
"""What marks the best of a column where there is no bold."""

LINE_SECONDS = 10.0
"""How often a running training prints a plain line."""


class Display(ABC):
    """Observes a run through the same hooks as anybody's plugin."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *exception: object) -> None: ...

    @abstractmethod
    def summary(self, found: results.Results) -> None:
        """Print the final table."""


def display() -> LiveDisplay | PlainDisplay:
    """The display that suits the standard output."""
    console = Console()
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console) if live else PlainDisplay()


class _Progress:
    """Where the cell is that was heard of last; on a cluster several run at once."""

    def __init__(self) -> None:
        self.cell = ""
        self.stage = ""
        self.episodes = 0
        self.total = 0
        self.loss = float("nan")
        self.seconds = 0.0
        self.accuracy: float | None = None

    def enter(self, cell: str, stage: str) -> None:
        if cell != self.cell:
            self.__init__()
        self.cell, self.stage = cell, stage

    @property
    def figures(self) -> str:
        """Episodes, loss, accuracy, speed and time left, as far as they are known."""
        if not self.episodes:
            return ""
        known = [f"{self.episodes}/{self.total} episodes", f"loss {self.loss:.3f}"]
        if self.accuracy is not None:
            known.append(f"validation {100 * self.accuracy:.1f} %")
        return ", ".join([*known, pace(self.episodes, self.total, self.seconds)])


def _starred(row: results.Row, line: Sequence[str]) -> list[str]:
    """A table's line, the best of each column marked by a character."""
    names, figures, rest = line[:2], line[2 : 2 + len(row.values)], line[2 + len(row.values) :]
    marked = [
        f"{figure} {BEST}" if value and value.best else figure
        for figure, value in zip(figures, row.values, strict=True)
    ]
    return [*names, *marked, *rest]


@final
class PlainDisplay(Display):
    """One line an event, for logs and pipes."""

    def __init__(self) -> None:
        self._progress = _Progress()
        self._last = 0.0
        self._number = 0
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is held open."""

    def summary(self, found: results.Results) -> None:
        """The tables, in aligned columns."""
        tables = results.tables(found)
        for table in tables:
            _print(
                f"{table.modality}, accuracy in %",
                [table.header, *map(_starred, table.rows, table.lines)],
            )
        best = any(value and value.best for table in tables for row in table.rows for value in row.values)
        told = [*results.legend(tables), *([f"{BEST}: the best of its column."] if best else [])]
        print("\n".join(["", *told]), flush=True)
        rejected = results.rejection_tables(found)
        for one in rejected:
            rows = [(row.learner, row.encoder, *row.fields) for row in one.rows]
            _print(f"unknown queries, {one.title}", [one.header, *rows])
        if rejected:
            print(f"\n{results.rejection_legend(rejected)}", flush=True)

    @hookimpl
    def kshot_run_started(self, name: str, cells: Sequence[str], finished: Sequence[str]) -> None:
        known = f", {len(finished)} of them finished already" if finished else ""
        self._count, self._number = len(cells), len(finished)
        _say(f"{name}: {len(cells)} cells{known}")

    @hookimpl
    def kshot_cell_started(self, cell: str, stage: str) -> None:
        self._progress.enter(cell, stage)
        self._last = time.monotonic()

    @hookimpl
    def kshot_episodes_trained(
        self, cell: str, episodes: int, total: int, loss: float, seconds: float
    ) -> None:
        p = self._progress
        p.enter(cell, "train")
        p.episodes, p.total, p.loss, p.seconds = episodes, total, loss, seconds
        if time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            _say(f"  {cell}: {p.figures}")

    @hookimpl
    def kshot_pretrained(self, cell: str, epoch: int, total: int, loss: float) -> None:
        if time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            _say(f"  {cell}: pretraining epoch {epoch}/{total}, loss {loss:.3f}")

    @hookimpl
    def kshot_validated(self, cell: str, accuracy: float) -> None:
        self._progress.enter(cell, "train")
        self._progress.accuracy = accuracy

    @hookimpl
    def kshot_cell_finished(self, cell: str, result: dict[str, Any]) -> None:
        _say(f"{self._next()} {cell}: {_scores(results.Cell(**result))}")

    @hookimpl
    def kshot_cell_failed(self, cell: str, error: str) -> None:
        _say(f"{self._next()} {cell}: failed: {error}")

    def _next(self) -> str:
        self._number += 1
        return f"[{self._number}/{self._count}]"


@final
class LiveDisplay(Display):
    """A table that fills in as cells finish, above a line for the cell at work."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = _Progress()
        self._cells: list[results.Cell] = []
        self._errors: list[str] = []
        self._count = 0
        self._finished = 0
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._draw)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the live part; the final table is printed by ``summary``."""
        self._live.stop()

    def summary(self, found: results.Results) -> None:
        """The tables, and why cells failed."""
        self._console.print(_drawn(found))
        for line in results.legend(results.tables(found)):
            self._console.print(Text(line, style="dim"))
        rejected = results.rejection_tables(found)
        for table in rejected:
            self._console.print(_drawn_rejection(table))
        if rejected:
            self._console.print(Text(results.rejection_legend(rejected), style="dim"))
        for cell in found.cells:
            if cell.status == "failed":
                self._console.print(Text(f"{cell.id} failed: {cell.error}", style="red"))

    @hookimpl
    def kshot_run_started(self, cells: Sequence[str], finished: Sequence[str]) -> None:
        self._count, self._finished = len(cells), len(finished)

    @hookimpl
    def kshot_cell_started(self, cell: str, stage: str) -> None:
        self._progress.enter(cell, stage)

    @hookimpl
    def kshot_pretrained(self, cell: str, epoch: int, total: int, loss: float) -> None:
        self._progress.enter(cell, f"pretrain, epoch {epoch} of {total}, loss {loss:.3f}")

    @hookimpl
    def kshot_episodes_trained(
        self, cell: str, episodes: int, total: int, loss: float, seconds: float
    ) -> None:
        p = self._progress
        p.enter(cell, "train")
        p.episodes, p.total, p.loss, p.seconds = episodes, total, loss, seconds

    @hookimpl
    def kshot_validated(self, cell: str, accuracy: float) -> None:
        self._progress.enter(cell, "train")
        self._progress.accuracy = accuracy

    @hookimpl
    def kshot_cell_finished(self, result: dict[str, Any]) -> None:
        self._finished += 1
        self._cells.append(results.Cell(**result))
        self._live.refresh()

    @hookimpl
    def kshot_cell_failed(self, cell: str, error: str) -> None:
        self._finished += 1
        self._errors.append(f"{cell} failed: {error}")
        self._live.refresh()

    def _draw(self) -> RenderableType:
        p = self._progress
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(p.total, 1), completed=p.episodes, width=24, pulse=not p.total)
        line.add_row(f"[{self._finished}/{self._count}]", p.cell, p.stage, bar, p.figures)
        errors = [Text(error, style="red") for error in self._errors]
        found = results.Results(schema=results.SCHEMA, name="", cells=self._cells)
        return Group(_drawn(found), *errors, line)


def _say(line: str) -> None:
    """Print a line of a run, which goes on where its reader has gone away."""
    with suppress(BrokenPipeError):
        print(line, flush=True)


def _print(title: str, lines: Sequence[Sequence[str]]) -> None:
    """A title over aligned columns."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(field.ljust(width) for field, width in zip(line, widths, strict=True)).rstrip())


def _drawn(found: results.Results) -> RenderableType:
    """The tables in rich's form, the best of each column bold."""
    drawn: list[RenderableType] = []
    for table in results.tables(found):
        shown = Table(title=f"{table.modality}, accuracy in %", title_justify="left", title_style="bold")
        for number, title in enumerate(table.header):
            shown.add_column(title, justify="left" if number < 2 else "right")
        for row, line in zip(table.rows, table.lines, strict=True):
            fields = [Text(field) for field in line]
            for field, value in zip(fields[2:], row.values, strict=False):
                if value and value.best:
                    field.stylize("bold green")
            shown.add_row(*fields)
        drawn.append(shown)
    return Group(*drawn)


def _drawn_rejection(table: results.RejectionTable) -> RenderableType:
    shown = Table(title=f"unknown queries, {table.title}", title_justify="left", title_style="bold")
    for number, title in enumerate(table.header):
        shown.add_column(title, justify="left" if number < 2 else "right")
    for row in table.rows:
        figures = zip(row.fields, row.best, strict=True)
        fields = [Text(field, style="bold green" if best else "") for field, best in figures]
        shown.add_row(Text(row.learner), Text(row.encoder), *fields)
    return shown


def _scores(cell: results.Cell) -> str:
    label = results.labeller([cell])
    scores = ", ".join(f"{label(s)} {100 * s.accuracy:.1f} ± {100 * (s.ci95 or 0):.1f}" for s in cell.scores)
    trained = [] if cell.note else [f"trained {_budget(cell.train)}"]
    return f"{scores} ({', '.join([*trained, *cell.remarks])})"


def _budget(train: results.Train) -> str:
    spent: list[str] = []
    if train.pretrain_epochs:
        spent.append(f"{train.pretrain_epochs} epochs in {clock(train.pretrain_seconds or 0)}")
    if train.episodes:
        spent.append(f"{train.episodes} episodes in {clock(train.seconds or 0)}")
    return ", ".join(spent)
