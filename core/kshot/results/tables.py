"""Results as tables: a row for each learner and encoder, a column for each source and shape.

The Markdown file, the report and the terminal all print these.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from kshot.results import text
from kshot.results.comparison import Compared
from kshot.results.relations import Relations
from kshot.results.schema import Cell, Results, Score

Labeller = Callable[[Score], str]
"""What to call the shape of a score."""

NOT_WORSE = "≈"
"""Stands beside what is not significantly worse than the best of its column."""
RANK = "average rank"
"""Title of the last column."""


@dataclass(frozen=True)
class Column:
    """One test shape of one source; ``shape`` is empty where no cell of the source was scored."""

    source: str
    shape: str

    @property
    def title(self) -> str:
        """Such as ``"glyphs 5w1s"``."""
        return f"{self.source} {self.shape}".strip()


@dataclass(frozen=True)
class Value:
    """One field of a table: the cells of a row and a column that differ in their seed alone.

    Attributes:
        accuracy: mean over the seeds; None where all failed.
        ci95: mean over the seeds of the half-width of the 95 % interval over episodes.
        chance: accuracy of a guess.
        deviation: standard deviation between seeds, where there are several.
        seeds: how many were scored.
        failed: how many failed.
        compared: how the row compares with the best of the column, where that was computed.
        best: True for the highest accuracy of the column, where there are several to compare.
    """

    accuracy: float | None
    ci95: float | None
    chance: float | None
    deviation: float | None
    seeds: int
    failed: int
    compared: Compared | None = None
    best: bool = False

    @property
    def not_worse(self) -> bool:
        """True where the best of the column is another, and not significantly better."""
        return not self.best and self.compared is not None and self.compared.not_worse

    @property
    def text(self) -> str:
        """Such as ``"95.1 ± 0.4"``, in per cent, or ``"failed"``; with ``≈`` where it is not worse than the best."""
        if self.accuracy is None:
            return "failed"
        remarks = f" ({', '.join(self.remarks)})" if self.remarks else ""
        mark = f" {NOT_WORSE}" if self.not_worse else ""
        return text.score(self.accuracy, self.ci95) + remarks + mark

    @property
    def remarks(self) -> list[str]:
        """What to know of the seeds: their interval, or else their deviation, and how many failed."""
        remarks: list[str] = []
        if self.compared is not None and self.compared.seeds_ci95 is not None:
            remarks.append(f"seeds ± {text.percent(self.compared.seeds_ci95)}")
        elif self.deviation is not None:
            remarks.append(f"s {text.percent(self.deviation)}")
        if self.accuracy is not None and self.failed:
            remarks.append(f"{self.failed} of {self.seeds + self.failed} failed")
        return remarks


@dataclass(frozen=True)
class Row:
    """One learner with one encoder.

    ``marks`` say what must stand beside its figures: ``"pretrained"`` for an encoder that came
    with trained weights, ``"untrained"`` where this run trained nothing. ``rank`` is its average
    over the columns, where it was scored on all of them.
    """

    learner: str
    encoder: str
    marks: tuple[str, ...]
    values: tuple[Value | None, ...]
    rank: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows and columns of one modality; all names fit on a line and hold no control characters."""

    modality: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def ranked(self) -> bool:
        """True where rows have an average rank."""
        return any(row.rank is not None for row in self.rows)

    @property
    def header(self) -> tuple[str, ...]:
        """Titles of the columns, learner and encoder first, the average rank last where there is one."""
        return (
            "learner",
            "encoder",
            *(column.title for column in self.columns),
            *([RANK] if self.ranked else []),
        )

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """The rows as text, in per cent; empty where a combination was not asked for."""
        return tuple(
            (
                row.learner,
                f"{row.encoder} ({', '.join(row.marks)})" if row.marks else row.encoder,
                *(value.text if value else "" for value in row.values),
                *([text.rank(row.rank)] if self.ranked else []),
            )
            for row in self.rows
        )


def tables(results: Results) -> list[Table]:
    """One table for each modality, in the order of the cells."""
    relations = Relations(results)
    modalities = dict.fromkeys(cell.modality for cell in results.cells)
    return [
        _table(name, [cell for cell in results.cells if cell.modality == name], relations)
        for name in modalities
    ]


def _table(modality: str, cells: Sequence[Cell], relations: Relations) -> Table:
    label = labeller(cells)
    columns = _columns(cells, label)
    rows = [_row(group, columns, label, relations) for group in _pairs(cells)]
    shown = tuple(replace(column, source=text.printable(column.source)) for column in columns)
    return Table(text.printable(modality), shown, _with_best(rows))


def labeller(cells: Iterable[Cell]) -> Labeller:
    """Names shapes such as ``"5w1s"``, with their queries only where these tell two apart."""
    shapes = {(str(score.shape), score.queries) for cell in cells for score in cell.scores}
    names = [name for name, _ in shapes]

    def label(score: Score) -> str:
        name = str(score.shape)
        told = isinstance(score.queries, int) and names.count(name) > 1
        return text.printable(f"{name} {score.queries}q" if told else name)

    return label


def _columns(cells: Sequence[Cell], label: Labeller) -> list[Column]:
    columns: list[Column] = []
    for source in dict.fromkeys(cell.source for cell in cells):
        scores = [score for cell in cells if cell.source == source for score in cell.scores]
        shapes = dict.fromkeys(label(score) for score in scores)
        columns += [Column(source, shape) for shape in shapes] or [Column(source, "")]
    return columns


def _pairs(cells: Sequence[Cell]) -> list[list[Cell]]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.learner, cell.encoder), []).append(cell)
    return list(groups.values())


def _row(cells: Sequence[Cell], columns: Sequence[Column], label: Labeller, relations: Relations) -> Row:
    finished = [cell for cell in cells if cell.status == "finished"]
    return Row(
        text.printable(cells[0].learner),
        text.printable(cells[0].encoder),
        _marks(finished),
        tuple(_value(cells, column, label, relations) for column in columns),
        relations.rank(cells[0]),
    )


def _marks(finished: Sequence[Cell]) -> tuple[str, ...]:
    pretrained = any(cell.pretrained for cell in finished)
    untrained = bool(finished) and not any(cell.trained for cell in finished)
    return (*(["pretrained"] if pretrained else []), *(["untrained"] if untrained else []))


def _value(cells: Sequence[Cell], column: Column, label: Labeller, relations: Relations) -> Value | None:
    own = [cell for cell in cells if cell.source == column.source]
    scored = [[score for score in cell.scores if label(score) == column.shape] for cell in own]
    failed = sum(cell.status == "failed" and not scores for cell, scores in zip(own, scored, strict=True))
    scores = [score for group in scored for score in group]
    if not scores:
        return Value(None, None, None, None, 0, failed) if failed else None
    return _mean(scores, failed, relations.compared(own[0], scores[0]))


def _mean(scores: Sequence[Score], failed: int, compared: Compared | None) -> Value:
    accuracies = [score.accuracy for score in scores]
    intervals = [score.ci95 for score in scores if score.ci95 is not None]
    return Value(
        accuracy=statistics.fmean(accuracies),
        ci95=statistics.fmean(intervals) if intervals else None,
        chance=statistics.fmean(score.chance for score in scores),
        deviation=statistics.stdev(accuracies) if len(accuracies) > 1 else None,
        seeds=len(scores),
        failed=failed,
        compared=compared,
    )


def _with_best(rows: Sequence[Row]) -> tuple[Row, ...]:
    columns = zip(*(row.values for row in rows), strict=True)
    marked = zip(*(_mark_best(column) for column in columns), strict=True)
    return tuple(replace(row, values=values) for row, values in zip(rows, marked, strict=True))


def _mark_best(column: Sequence[Value | None]) -> list[Value | None]:
    accuracies = [value.accuracy for value in column if value and value.accuracy is not None]
    best = max(accuracies) if len(accuracies) > 1 else None
    if best is None:
        return list(column)
    return [value and replace(value, best=value.accuracy == best) for value in column]
