"""Scores on frozen episodes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kshot.errors import CellError
from kshot.evaluation.answers import Answers, outcomes_of
from kshot.evaluation.batches import batch_size
from kshot.evaluation.classified import classified
from kshot.evaluation.embedded import embedded
from kshot.functional.fitting import Fitting, is_shortage
from kshot.functional.noting import Watcher
from kshot.interfaces import BatchStatistics, Learner
from kshot.loading import Loader
from kshot.metrics import Interval, accuracy, interval
from kshot.outcomes import Outcomes
from kshot.registry.report import reason
from kshot.rejection import Queries, Rejection
from kshot.sampling import AnySampler
from kshot.statistics import rejection as measures

Metric = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Scored:
    """Scores of one shape.

    Attributes:
        accuracy: mean over episodes with its interval, as a fraction.
        metrics: the same for every other metric asked for, and for the measures of a rejection.
        outcomes: what was said of every query.
        seconds: spent, embedding not counted.
        at_once: episodes that were classified at once in the end, where memory was short; else none.
    """

    accuracy: Interval
    metrics: dict[str, Interval]
    outcomes: Outcomes
    seconds: float
    at_once: int | None = None


def evaluate(
    learner: Learner,
    loader: Loader,
    samplers: Sequence[AnySampler],
    episodes: int,
    *,
    batch_statistics: BatchStatistics | None = None,
    metrics: Mapping[str, Metric] | None = None,
    rejection: Rejection | None = None,
    outside: Loader | None = None,
) -> list[Scored]:
    """Score a learner on the first ``episodes`` episodes of each sampler.

    Under ``frozen`` statistics an encoder that does not adapt gives an example the same
    embedding in every episode: each example is then embedded once, and an episode is a gather.

    Args:
        learner: in any mode; left as it was.
        loader: the split's tensors.
        samplers: one per shape, over the loader's catalogue.
        episodes: how many of each; a list of fixed episodes is scored whole.
        batch_statistics: policy for batch-dependent norms; default: the learner's own.
        metrics: scored beside accuracy.
        rejection: unknown queries beside the episodes, which stay as they are; none: no such queries.
        outside: tensors of the examples of no class, where the rejection is by these.

    Raises:
        CellError: logits are not finite, or a single episode does not fit into memory.
        DataError: too few classes are left for unknown queries.
    """
    options = (batch_statistics, metrics, rejection, outside)
    with scoring(learner, loader, samplers, episodes, *options) as score:
        return [score(sampler) for sampler in samplers]


class Score(Protocol):
    """Scores the episodes of one sampler."""

    def __call__(self, sampler: AnySampler, watcher: Watcher | None = None, /) -> Scored:
        """Called for each of the samplers at most; ``watcher`` sees every batch."""
        ...


@contextmanager
def scoring(
    learner: Learner,
    loader: Loader,
    samplers: Sequence[AnySampler],
    episodes: int,
    batch_statistics: BatchStatistics | None = None,
    metrics: Mapping[str, Metric] | None = None,
    rejection: Rejection | None = None,
    outside: Loader | None = None,
    fitting: Fitting | None = None,
) -> Generator[Score]:
    """What :func:`evaluate` does, sampler by sampler as the caller asks.

    Args:
        learner, loader, samplers, episodes, batch_statistics, metrics, rejection: as there.
        fitting: classifies a batch of episodes in parts from where one did not fit into memory; default:
            one that tells nobody.
    """
    fits = fitting or Fitting()
    training, policy = learner.training, learner.batch_statistics
    encoder_training = learner.encoder.training
    learner.eval()
    try:
        learner.batch_statistics = batch_statistics or policy
        subject = learner
        if learner.batch_statistics == "frozen" and not learner.adapts_encoder:
            subject, loader, outside = embedded(learner, loader, samplers, episodes, rejection, outside)

        def score(sampler: AnySampler, watcher: Watcher | None = None) -> Scored:
            unknown = rejection.beside(subject, loader, outside, sampler) if rejection else _none
            return _score(
                subject, loader, sampler, episodes, metrics or {}, rejection, unknown, watcher, fits
            )

        yield score
    finally:
        learner.batch_statistics = policy
        learner.train(training)
        learner.encoder.train(encoder_training)


@torch.no_grad()
def _score(
    learner: Learner,
    loader: Loader,
    sampler: AnySampler,
    episodes: int,
    metrics: Mapping[str, Metric],
    rejection: Rejection | None,
    unknown: Callable[[np.ndarray], Queries],
    watcher: Watcher | None,
    fitting: Fitting,
) -> Scored:
    named: dict[str, Metric] = {"accuracy": accuracy, **metrics}
    values: dict[str, list[Tensor]] = {name: [] for name in named}
    answers: list[Answers] = []
    started = time.perf_counter()
    stop, size = sampler.count(episodes), batch_size(learner, loader, sampler)
    place = {name: number for number, name in enumerate(sampler.catalogue.classes)}
    batches = zip(sampler.batches(0, stop, size), loader.episodes(sampler, 0, stop, size), strict=True)
    asked = ((numbers, batch, unknown(numbers)) for numbers, batch in batches)
    found = classified(learner, loader.device, asked, rejection, watcher, stop, fitting)
    largest = 0
    for numbers, batch, logits, looks in found:
        labels, largest = batch.query_labels, max(largest, len(batch))
        for name, metric in named.items():
            values[name].append(_measured(name, metric, logits, labels))
        listed = map(place.__getitem__, itertools.chain.from_iterable(batch.classes))
        classes = np.fromiter(listed, dtype=np.int32).reshape(len(batch), -1)
        answers.append(Answers.of(numbers, logits, labels, classes, looks))
    seconds = time.perf_counter() - started
    order = torch.from_numpy(np.argsort(np.concatenate([one.numbers for one in answers])))
    joined = {name: torch.cat(parts)[order] for name, parts in values.items()}
    if not bool(torch.isfinite(joined["accuracy"]).all()):
        raise CellError("the classifier's logits are not finite; lower train.learning_rate or set train.clip")
    outcomes = outcomes_of(joined["accuracy"], answers, sampler.catalogue.classes)
    if rejection:
        joined |= measures(outcomes, rejection.score)
    intervals = {name: interval(one) for name, one in joined.items() if name in metrics or name not in named}
    at_once = fitting.most if fitting.most and fitting.most < largest else None
    return Scored(interval(joined["accuracy"]), intervals, outcomes, seconds, at_once)


def _measured(name: str, metric: Metric, logits: Tensor, labels: Tensor) -> Tensor:
    """(T,) an episode's value each, whatever somebody's metric does with (T, Q, way) logits and (T, Q) labels."""
    try:
        value = metric(logits, labels).cpu()
    except (Exception, SystemExit) as error:
        if is_shortage(error):
            raise
        raise CellError(f"metric '{name}' raised {reason(error)}") from error
    if value.shape != labels.shape[:1]:
        raise CellError(
            f"metric '{name}' gives shape {tuple(value.shape)} for {len(labels)} episodes; it must give one "
            f"number an episode, ({len(labels)},)"
        )
    return value


def _none(numbers: np.ndarray) -> Queries:
    del numbers
    return ()
