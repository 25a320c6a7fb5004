"""One cell: build encoder and learner, train, score every shape."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from kshot import results
from kshot.benchmark.data import OUTSIDE, Data, Pool, rejection_of
from kshot.benchmark.learner import build_learner
from kshot.benchmark.memory import MemoryPeak
from kshot.benchmark.plan import Plan, PlannedCell
from kshot.benchmark.projection import project
from kshot.benchmark.roads import road_of
from kshot.benchmark.tuned import build_encoder
from kshot.errors import DataError
from kshot.evaluation import Scored, scoring
from kshot.files import content_hash
from kshot.functional import following, keeps_running_statistics
from kshot.functional.fitting import Fitting
from kshot.functional.noting import Watcher
from kshot.interfaces import BatchStatistics, Learner
from kshot.loading import Loader, embed_examples
from kshot.metrics import Interval, interval
from kshot.outcomes import Outcomes
from kshot.sampling import AnySampler
from kshot.shapes import Range, Way
from kshot.statistics import (
    class_interval,
    expected_calibration_error,
    macro_f1,
    rejection,
    reliability,
    top_k,
)
from kshot.training import (
    Alone,
    Checkpoint,
    CurvePoint,
    PretrainedEncoder,
    Pretraining,
    Processes,
    Training,
    pairing,
    pretrain,
    train,
    trainable,
)

log = logging.getLogger("kshot")

NOTHING_TO_TRAIN = "nothing to train"
TOPS = (2, 3, 5)
"""Of which top-k is recorded where an episode has more classes."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What a cell needs from the run around it.

    Attributes:
        plan: the whole plan.
        data: opened sources and loaders.
        device: where everything is computed.
        notify: calls a run-time hook by name.
        checkpoint: where a cell's training keeps its state.
        pretrained: where the pretrained encoder of a description lies.
        keep_learner: keeps a learner as its training left it, for whoever classifies by it.
        keep_outcomes: keeps what was said of every query of the test episodes, shape by shape.
        keep_projection: keeps where the encoder put some test examples.
        keep_traceback: keeps what a developer needs to mend a failed cell.
        watcher: calls the hooks inside a stage's computation of episodes of one shape; none where nobody
            implements one.
        looking: a block in which a cell is computed, with an observer that looks inside it where the run
            has one.
        observe: True where it has.
        processes: that train a cell together.
    """

    plan: Plan
    data: Data
    device: torch.device
    notify: Callable[..., None]
    checkpoint: Callable[[PlannedCell], Checkpoint]
    pretrained: Callable[[PlannedCell, str], PretrainedEncoder]
    keep_learner: Callable[[PlannedCell, Learner], None]
    keep_outcomes: Callable[[PlannedCell, Sequence[Outcomes]], None]
    keep_projection: Callable[[PlannedCell, results.Projection], None]
    keep_traceback: Callable[[PlannedCell, str], None]
    watcher: Callable[[PlannedCell, str, str], Watcher | None]
    looking: Callable[[PlannedCell], AbstractContextManager[None]]
    observe: bool = False
    processes: Processes = field(default_factory=Alone)


def run_cell(cell: PlannedCell, around: Surroundings) -> results.Cell:
    """Train and score one cell.

    Everything random is seeded here, and the caller's random state is restored, so the result
    does not depend on what ran before.

    Raises:
        KshotError: the cell cannot be built, trained or scored.
    """
    # Processes that follow write nothing, nor take away what the one that leads wrote.
    looking = around.looking(cell) if around.processes.leads else nullcontext()
    strategy = around.plan.strategy(cell, around.device.type)
    with _seeded(cell, around), following(strategy), looking, MemoryPeak(around.device) as peak:
        return around.processes.everywhere(lambda: _Cell(cell, around)).run(peak)


def train_cell(cell: PlannedCell, around: Surroundings) -> None:
    """Train one cell along with the process that runs it.

    Raises:
        KshotError: the cell cannot be built or trained.
    """
    strategy = around.plan.strategy(cell, around.device.type)
    with _seeded(cell, around), following(strategy):
        around.processes.everywhere(lambda: _Cell(cell, around)).train()


@contextmanager
def _seeded(cell: PlannedCell, around: Surroundings) -> Generator[None]:
    devices = [around.device] if around.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(cell.seed)
        yield


class _Cell:
    def __init__(self, cell: PlannedCell, around: Surroundings) -> None:
        self._cell = cell
        self._around = around
        self._settings = cell.settings
        self._data = around.data
        self._truncated: dict[Pool, int] = {}
        self._stage("data")
        self._tuned = build_encoder(cell, self._data)
        self._encoder = self._tuned.encoder.to(around.device)
        self._learner = build_learner(cell, self._encoder, self._samplers()).to(around.device)
        self._parameters = sum(p.numel() for p in self._learner.parameters())
        self._road = road_of(cell, self._data, self._tuned, self._learner, around.device, self._stage)
        if self._road.encoder is not self._encoder:
            self._encoder = self._road.encoder.to(around.device)
            self._learner = self._learner.around(self._encoder)
        self._pretraining: Pretraining | None = None
        self._fits_in_training = self._fitting(
            "the gradient of a meta-batch is summed over {} episodes at once"
        )
        self._fits_in_scoring = self._fitting("{} episodes are classified at once")

    def train(self) -> Training | None:
        """Pretrain and train, where there is something to train."""
        self._pretraining = self._pretrain()
        return self._train() if self._has_training() else None

    def run(self, peak: MemoryPeak) -> results.Cell:
        """Train, then score every shape."""
        training = self.train()
        if self._learner.wants_base:
            self._begin()
        self._around.keep_learner(self._cell, self._learner.around(self._tuned.encoder))
        samplers, scores = self._evaluate()
        shape, start = self._settings.train.shape, self._settings.train.start
        entry = results.Train(
            way=shape.way if training else None,
            shot=shape.shot if training else None,
            queries=shape.queries if training else None,
            episodes=training.episodes if training else 0,
            seconds=training.seconds if training else 0.0,
            episodes_per_second=training.episodes / training.seconds if training else None,
            precision=self._settings.train.precision if training else None,
            start=content_hash(start) if training and start else None,
            best=_point(training.best) if training and training.best else None,
            pretrain_epochs=self._pretraining.epochs if self._pretraining else None,
            pretrain_seconds=self._pretraining.seconds if self._pretraining else None,
            parameters=self._parameters,
            peak_memory_bytes=peak.bytes(),
            at_once=training.at_once if training else None,
        )
        described = identity(self._cell)
        described["options"]["encoder"]["train"] = self._tuned.subset
        return results.Cell(
            **described,
            status="finished",
            pretrained=self._tuned.encoder.pretrained,
            truncated={split: count for split, count in self._truncated.items() if count},
            note="" if training or self._pretraining else NOTHING_TO_TRAIN,
            train=entry,
            curve=_curve(training),
            scores=[
                self._score_entry(sampler, scored) for sampler, scored in zip(samplers, scores, strict=True)
            ],
        )

    def _pretrain(self) -> Pretraining | None:
        """What an encoder is taught as a whole, or the weights that it gave another cell already."""
        options = self._settings.pretrain
        if options is None or not trainable(self._encoder):
            return None
        head = self._learner.pretrain_head
        catalogue = self._data.source(self._cell.source).catalogue("train")
        kept = self._around.pretrained(self._cell, "pairs" if pairing(options, catalogue) else head)

        def progress(epoch: int, loss: float) -> None:
            self._around.notify(
                "kshot_pretrained", cell=self._cell.id, epoch=epoch, total=options.epochs, loss=loss
            )

        def found() -> dict[str, Any]:
            before = kept.load(self._encoder)
            if before:
                return asdict(before)
            loader = self._loader("train")
            self._stage("pretrain")
            now = pretrain(
                self._encoder,
                loader,
                options,
                head,
                self._cell.seed,
                progress,
                checkpoint=kept.unfinished,
                rates=self._tuned.rates,
            )
            kept.save(self._encoder, now)
            return asdict(now)

        return Pretraining(**self._around.processes.first(found))

    def _has_training(self) -> bool:
        return self._learner.trains and bool(trainable(self._learner)) and self._settings.train.episodes > 0

    def _loader(self, pool: Pool) -> Loader:
        loader = self._road.loader(pool)
        self._truncated[pool] = loader.truncated or 0
        return loader

    def _train(self) -> Training:
        cell, options = self._cell, self._settings.train
        loader, sampler, validate = self._around.processes.everywhere(
            lambda: (
                self._loader("train"),
                self._data.sampler(cell.source, "train", options.shape, cell.seed, options.meta_batch),
                self._validation(),
            )
        )
        self._stage("train")

        def progress(episodes: int, loss: float, seconds: float) -> None:
            self._around.notify(
                "kshot_episodes_trained",
                cell=cell.id,
                episodes=episodes,
                total=options.episodes,
                loss=loss,
                seconds=seconds,
            )

        return train(
            self._learner,
            loader,
            sampler,
            options,
            validate=validate,
            progress=progress,
            checkpoint=self._around.checkpoint(cell),
            rates=self._tuned.rates,
            processes=self._around.processes,
            watcher=self._watcher("train", str(options.shape)),
            fitting=self._fits_in_training,
        )

    def _fitting(self, told: str) -> Fitting:
        """What is short of memory says so once; ``told`` takes the number that does fit."""

        def tell(most: int) -> None:
            if self._around.processes.leads:
                log.warning("%s: memory is short; %s", self._cell.id, told.format(most))

        return Fitting(tell)

    def _watcher(self, stage: str, shape: str) -> Watcher | None:
        return self._around.watcher(self._cell, stage, shape) if self._around.processes.leads else None

    def _validation(self) -> Callable[[int], Interval] | None:
        """A function that scores the learner on validation episodes; None where there are none."""
        options, evaluation = self._settings.train, self._settings.evaluate
        if not options.validations:
            return None
        try:
            shape = self._settings.validation_shape
            sampler = self._data.sampler(self._cell.source, "validation", shape, evaluation.seed)
        except DataError:  # a source need not have validation classes, nor enough of them
            return None
        loader = self._loader("validation")

        def validate(episodes: int) -> dict[str, Any]:
            self._around.notify("kshot_validation_started", cell=self._cell.id, episodes=episodes)
            fits = self._fits_in_scoring
            with scoring(
                self._learner, loader, [sampler], options.validation_episodes, fitting=fits
            ) as score:
                scored = score(sampler, self._watcher("validate", str(shape)))
            self._around.notify(
                "kshot_validated",
                cell=self._cell.id,
                episodes=episodes,
                accuracy=scored.accuracy.mean,
                ci95=scored.accuracy.ci95,
            )
            return asdict(scored.accuracy)

        return lambda episodes: Interval(**self._around.processes.first(lambda: validate(episodes)))

    def _begin(self) -> None:
        loader = self._loader("train")
        positions = np.arange(len(loader.catalogue))
        embedded = embed_examples(self._learner.encoder, loader, positions)
        self._learner.begin(embedded, torch.from_numpy(loader.catalogue.labels).to(embedded.device))

    def _samplers(self) -> Sequence[AnySampler]:
        options, source = self._settings.evaluate, self._cell.source
        return [self._data.sampler(source, "test", shape, options.seed) for shape in options.all_shapes()]

    def _evaluate(self) -> tuple[Sequence[AnySampler], Sequence[Scored]]:
        options, samplers = self._settings.evaluate, self._samplers()
        loader = self._loader("test")
        self._stage("evaluate")
        metrics = self._around.plan.metrics[self._cell.modality]
        notify, cell, scores = self._around.notify, self._cell.id, list[Scored]()
        unknown = rejection_of(options, self._data.source(self._cell.source))
        outside = self._loader(OUTSIDE) if unknown and unknown.outside else None
        with scoring(
            self._learner,
            loader,
            samplers,
            options.episodes,
            metrics=metrics,
            rejection=unknown,
            outside=outside,
            fitting=self._fits_in_scoring,
        ) as score:
            for sampler in samplers:
                shape, count = str(sampler.shape), sampler.count(options.episodes)
                notify("kshot_evaluation_started", cell=cell, shape=shape, episodes=count)
                scored = score(sampler, self._watcher("evaluate", shape))
                mean, ci95 = scored.accuracy.mean, scored.accuracy.ci95
                notify("kshot_evaluated", cell=cell, shape=shape, accuracy=mean, ci95=ci95)
                scores.append(scored)
        self._around.keep_outcomes(self._cell, [scored.outcomes for scored in scores])
        if projection := project(self._learner.encoder, loader):
            self._around.keep_projection(self._cell, projection)
        return samplers, scores

    def _score_entry(self, sampler: AnySampler, scored: Scored) -> results.Score:
        shape, episodes = sampler.shape, len(scored.outcomes.accuracy)
        return results.Score(
            way=shape.way,
            shot=shape.shot,
            queries=shape.queries,
            within=shape.within,
            apart=shape.apart,
            fixed=shape.fixed,
            episodes=episodes,
            accuracy=scored.accuracy.mean,
            ci95=scored.accuracy.ci95,
            chance=shape.chance,
            manifest=sampler.manifest(episodes),
            batch_statistics=self._policy(),
            episodes_per_second=episodes / scored.seconds,
            class_ci95=class_interval(scored.outcomes, _groups(sampler)),
            metrics=_derived(scored.outcomes, shape.way) | _measures(scored.metrics),
            classes=len(sampler.catalogue.classes) - len(sampler.left_out),
            left_out=list(sampler.left_out),
            unknown=self._unknown(sampler, scored.outcomes),
            at_once=scored.at_once,
        )

    def _policy(self) -> BatchStatistics:
        """What the norms went by: where none can follow the learner's policy, their running statistics."""
        settled = keeps_running_statistics(self._learner.encoder)
        return "frozen" if settled else self._learner.batch_statistics

    def _unknown(self, sampler: AnySampler, outcomes: Outcomes) -> results.UnknownQueries | None:
        asked = rejection_of(self._settings.evaluate, self._data.source(self._cell.source))
        if asked is None or outcomes.unknown is None:
            return None
        intervals = {
            name: interval(rejection(outcomes, name)["unknown_auroc"]) for name in outcomes.unknown.known
        }
        return results.UnknownQueries(
            classes=None if asked.outside else asked.classes,
            queries=asked.queries,
            score=asked.score,
            manifest=asked.sampler(sampler).manifest(len(outcomes.accuracy)),
            auroc={name: results.Measure(mean=one.mean, ci95=one.ci95) for name, one in intervals.items()},
        )

    def _stage(self, stage: str) -> None:
        self._around.notify("kshot_cell_started", cell=self._cell.id, stage=stage)


def identity(cell: PlannedCell) -> dict[str, Any]:
    """The fields of a result that the plan alone determines."""
    return {
        "id": cell.id,
        "learner": cell.learner.id,
        "encoder": cell.encoder.id,
        "source": cell.source.id,
        "modality": cell.modality,
        "seed": cell.seed,
        "options": {
            "learner": dict(cell.learner.record),
            "encoder": {**cell.encoder.record, "train": None, **cell.encoder.tuning.told()},
            "source": dict(cell.source.record),
        },
    }


def _groups(sampler: AnySampler) -> Sequence[str] | None:
    """Of each class what it shares with those that tell no more than it does; none where all stand for themselves.

    It is the group that the classes of an episode share, else what several were made of.
    """
    within, catalogue = sampler.shape.within, sampler.catalogue
    return catalogue.class_groups[within] if within else catalogue.origins


def _measures(intervals: Mapping[str, Interval]) -> dict[str, results.Measure]:
    return {name: results.Measure(mean=one.mean, ci95=one.ci95) for name, one in intervals.items()}


def _derived(outcomes: Outcomes, way: Way) -> dict[str, results.Measure]:
    """What every run records: top-k by episode, macro F1 and calibration over all queries pooled."""
    fewest = way.low if isinstance(way, Range) else way
    tops = {f"top_{k}": interval(torch.from_numpy(top_k(outcomes, k))) for k in TOPS if k < fewest}
    pooled = {
        "macro_f1": macro_f1(outcomes),
        "ece": expected_calibration_error(reliability([outcomes])),
    }
    return _measures(tops) | {name: results.Measure(mean=value) for name, value in pooled.items()}


def _curve(training: Training | None) -> list[results.CurvePoint]:
    if training is None:
        return []
    return [_point(point) for point in training.curve]


def _point(point: CurvePoint) -> results.CurvePoint:
    return results.CurvePoint(
        episodes=point.episodes,
        loss=point.loss,
        accuracy=point.validation.mean if point.validation else None,
        ci95=point.validation.ci95 if point.validation else None,
    )
