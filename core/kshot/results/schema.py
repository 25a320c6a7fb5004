"""What a benchmark leaves behind: one entry per cell, one score per test shape.

Accuracies are fractions. Keys that this version does not know are kept, so that a plugin or a
later kshot may add some. Anything that is not a finite number (a diverged loss) becomes null.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from kshot.results.comparison import Comparison, Ranking
from kshot.results.entry import Count, Entry, Figure, Fraction, Interval, Measure, Text
from kshot.results.unknown import UnknownQueries
from kshot.shapes import Queries, Shape, Shot, Way

SCHEMA = 1
"""Number of the schema that this version reads and writes."""


class Score(Entry):
    """Test episodes of one shape.

    Attributes:
        way: classes per episode; ``[5, 20]``: each episode drew its own.
        shot: support examples per class; ``[1, 10]``: each episode drew one for all its classes;
            ``{"each": [1, 10]}``: each class drew its own.
        queries: query examples per class; ``{"total": 75, "dirichlet": 2.0}``: so many in all, shared
            unevenly.
        within: class group that the classes of an episode share.
        apart: example group that support and query never share.
        fixed: name of the source's own list of episodes, where these were given and not drawn.
        episodes: number of test episodes.
        accuracy: mean accuracy, a fraction.
        ci95: half-width of its 95 % interval over episodes; null for a single episode.
        class_ci95: ends of the 95 % interval of accuracy over a bootstrap of the test classes (of those that
            were made of one, such as turned copies, together), or where the classes of an episode share a
            group, of the groups; null where there is one alone.
        chance: accuracy of a guess, a mean over the ways.
        manifest: content hash of the test episodes.
        batch_statistics: where batch-dependent norms took their statistics from.
        episodes_per_second: speed of the evaluation.
        metrics: further metrics by name: those asked for, ``top_2``, ``top_3``, ``top_5`` below the way,
            and over all queries pooled ``macro_f1`` and the expected calibration error ``ece``; where there are
            unknown queries ``unknown_auroc``, ``unknown_fpr95``, ``unknown_oscr`` and ``unknown_eer``.
        classes: number of classes that episodes are drawn from.
        left_out: classes too small for the shape.
        unknown: queries of classes that the episodes do not show; null where there are none.
        at_once: episodes that were classified at once, where memory was too short for more; else null.
    """

    way: Way
    shot: Shot
    queries: Queries
    within: str | None = None
    apart: str | None = None
    fixed: str | None = None
    episodes: Count
    accuracy: Fraction
    ci95: Interval = None
    class_ci95: tuple[Fraction, Fraction] | None = None
    chance: Fraction
    manifest: str = ""
    batch_statistics: str = "frozen"
    episodes_per_second: Figure = None
    metrics: dict[str, Measure] = {}
    classes: Count | None = None
    left_out: list[Text] = []
    unknown: UnknownQueries | None = None
    at_once: Count | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        str(self.shape)
        return self

    @property
    def shape(self) -> Shape:
        """The shape of the scored episodes."""
        return Shape(self.way, self.shot, self.queries, self.within, self.apart, self.fixed)


class CurvePoint(Entry):
    """A point of a learning curve.

    Attributes:
        episodes: episodes trained so far.
        loss: mean training loss since the last point; null where it diverged.
        accuracy: validation accuracy, a fraction.
        ci95: half-width of its 95 % interval.
    """

    episodes: Count
    loss: Figure = None
    accuracy: Figure = None
    ci95: Interval = None


class Train(Entry):
    """The training of a cell; null throughout where nothing was trained.

    Attributes:
        way, shot, queries: of the training episodes, as in a score.
        episodes: training episodes.
        seconds: time trained.
        episodes_per_second: speed of the training.
        precision: ``float32``, or ``bfloat16`` by autocast.
        best: the point of the curve with the best validation, whose weights were kept; null where the
            last ones were. Training ended at ``episodes``.
        start: SHA-256 of the checkpoint that the training went on from, where the configuration names one.
        pretrain_epochs: passes over the training classes before, as ordinary classification.
        pretrain_seconds: time they took.
        parameters: number of parameters of learner and encoder.
        peak_memory_bytes: peak of the memory in use.
        at_once: episodes of a meta-batch that were computed at once (by each process), where memory was too
            short for all of them; else null. The gradient is that of the whole meta-batch.
    """

    way: Way | None = None
    shot: Shot | None = None
    queries: Queries | None = None
    episodes: Count | None = None
    seconds: Figure = None
    episodes_per_second: Figure = None
    precision: str | None = None
    best: CurvePoint | None = None
    start: str | None = None
    pretrain_epochs: Count | None = None
    pretrain_seconds: Figure = None
    parameters: Count | None = None
    peak_memory_bytes: Count | None = None
    at_once: Count | None = None

    @property
    def shape(self) -> Shape | None:
        """The shape of the training episodes."""
        if self.way is None or self.shot is None or self.queries is None:
            return None
        return Shape(self.way, self.shot, self.queries)


class Cell(Entry):
    """One training: a learner around an encoder on a source, under one seed.

    Attributes:
        id: unique in its results.
        learner: the learner's variant id.
        options: what each was built with, under ``learner``, ``encoder`` and ``source``.
        encoder: the encoder's variant id.
        source: the source's id.
        modality: such as ``"image"``.
        seed: the training's seed.
        status: ``"finished"`` or ``"failed"``.
        error: why it failed.
        pretrained: True when the encoder came with trained weights.
        truncated: examples that the encoder cut at its maximum length, by split; those that it cut.
        note: a remark for people, such as ``"nothing to train"``.
        train: the training.
        curve: the learning curve.
        scores: one for each test shape.
    """

    id: Text
    learner: Text
    options: dict[str, Any] = {}
    encoder: Text
    source: Text
    modality: Text
    seed: int
    status: Literal["finished", "failed"]
    error: Text | None = None
    pretrained: bool = False
    truncated: dict[str, Count] = {}
    note: Text = ""
    train: Train = Train()
    curve: list[CurvePoint] = []
    scores: list[Score] = []

    @property
    def remarks(self) -> list[str]:
        """What a reader should know beside the figures."""
        cut = [
            f"{count:,} {split} examples cut at the encoder's length"
            for split, count in self.truncated.items()
        ]
        best = self.train.best
        kept = [f"kept as it was after {best.episodes:,} of {self.train.episodes:,} episodes"] if best else []
        least = min((score.at_once for score in self.scores if score.at_once), default=None)
        short = [f"memory held {self.train.at_once} training episodes at once"] if self.train.at_once else []
        short += [f"memory held {least} test episodes at once"] if least else []
        return [*([self.note] if self.note else []), *kept, *cut, *short]

    @property
    def trained(self) -> bool:
        """False where this run trained nothing."""
        return bool(self.train.episodes or self.train.pretrain_epochs)


class Results(Entry):
    """All cells of one benchmark.

    Attributes:
        version: number of the schema; the key is ``schema``.
        name: the configuration's name.
        environment: versions, device, commit and whatever else the figures depend on.
        configuration: the configuration that was run, every default written out.
        uses: the registered name behind each id, under ``learners``, ``encoders`` and ``sources``.
        cells: in the configuration's order.
        comparisons: how the rows of each column compare, once all cells are done.
        rankings: average ranks over tasks, likewise.
    """

    version: int = Field(SCHEMA, alias="schema")
    name: Text
    environment: dict[str, Any] = {}
    configuration: dict[str, Any] = {}
    uses: dict[str, dict[str, Text]] = {}
    cells: list[Cell] = []
    comparisons: list[Comparison] = []
    rankings: list[Ranking] = []

    def use(self, kind: str, id: str) -> str:
        """The registered name behind an id of a learner, an encoder or a source."""
        return self.uses.get(kind, {}).get(id, id)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        seen: set[str] = set()
        for cell in self.cells:
            if cell.id in seen:
                raise ValueError(f"two cells are called '{cell.id}'")
            seen.add(cell.id)
        return self


_TIMES: dict[str, Any] = dict.fromkeys(
    ("seconds", "episodes_per_second", "pretrain_seconds", "peak_memory_bytes")
)


def without_times(results: Results) -> Results:
    """The same results without times and memory: what a second run must repeat to the bit."""

    def timeless(cell: Cell) -> Cell:
        scores = [score.model_copy(update={"episodes_per_second": None}) for score in cell.scores]
        return cell.model_copy(update={"train": cell.train.model_copy(update=_TIMES), "scores": scores})

    return results.model_copy(update={"cells": [timeless(cell) for cell in results.cells]})
