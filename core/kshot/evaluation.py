"""Scores on frozen episodes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes, Inputs
from kshot.errors import CellError
from kshot.functional import concurrently, in_turn, query_cross_entropy, replica, watched
from kshot.functional.fitting import Fitting
from kshot.functional.noting import Watcher, sharing, unwatched
from kshot.interfaces import BatchStatistics, Learner
from kshot.loading import Loader, ResidentLoader, embed_examples
from kshot.metrics import Interval, accuracy, interval
from kshot.outcomes import Outcomes
from kshot.rejection import Rejection
from kshot.sampling import BLOCK, AnySampler

Metric = Callable[[Tensor, Tensor], Tensor]

EMBEDDED_NUMBERS = 2**20
RAW_NUMBERS = 2**20
"""Numbers in the inputs of the episodes that are classified together, embedded or not: bounds
memory. What an encoder makes of its inputs on the way is tens of times larger."""


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

    Raises:
        CellError: logits are not finite, or a single episode does not fit into memory.
        DataError: too few classes are left for unknown queries.
    """
    with scoring(learner, loader, samplers, episodes, batch_statistics, metrics, rejection) as score:
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
            subject, loader = _embedded(learner, loader, samplers, episodes, rejection)

        def score(sampler: AnySampler, watcher: Watcher | None = None) -> Scored:
            return _score(subject, loader, sampler, episodes, metrics or {}, rejection, watcher, fits)

        yield score
    finally:
        learner.batch_statistics = policy
        learner.train(training)
        learner.encoder.train(encoder_training)


@torch.no_grad()
def _embedded(
    learner: Learner,
    loader: Loader,
    samplers: Sequence[AnySampler],
    episodes: int,
    rejection: Rejection | None,
) -> tuple[Learner, Loader]:
    """The learner around embeddings, and a loader of those that the episodes need."""
    if isinstance(learner.encoder, Embedded):
        return learner, loader
    used = np.zeros(len(loader.catalogue), dtype=bool)
    for sampler in samplers:
        for drawn in sampler.blocks(sampler.count(episodes)):
            used[drawn.support] = True
            used[drawn.query] = True
        if rejection:
            unknown = rejection.sampler(sampler)
            for numbers in sampler.batches(0, sampler.count(episodes), BLOCK):
                used[unknown.take(numbers)] = True
    positions = np.flatnonzero(used)
    embedded = embed_examples(learner.encoder, loader, positions)
    table = embedded.new_zeros(len(used), embedded.shape[1])
    table[torch.from_numpy(positions).to(table.device)] = embedded
    identity = Embedded(getattr(learner.encoder, "modality", ""), embedded.shape[1])
    return learner.around(identity), ResidentLoader(loader.catalogue, {EMBEDDING: table}, loader.device)


@torch.no_grad()
def _score(
    learner: Learner,
    loader: Loader,
    sampler: AnySampler,
    episodes: int,
    metrics: Mapping[str, Metric],
    rejection: Rejection | None,
    watcher: Watcher | None,
    fitting: Fitting,
) -> Scored:
    named: dict[str, Metric] = {"accuracy": accuracy, **metrics}
    values: dict[str, list[Tensor]] = {name: [] for name in named}
    answers: list[_Answers] = []
    started = time.perf_counter()
    stop, size = sampler.count(episodes), _chunk(learner, loader, sampler)
    unknown = rejection.beside(learner, loader, sampler) if rejection else _none
    place = {name: number for number, name in enumerate(sampler.catalogue.classes)}
    batches = zip(sampler.batches(0, stop, size), loader.episodes(sampler, 0, stop, size), strict=True)
    asked = ((numbers, batch, unknown(numbers)) for numbers, batch in batches)
    classified = _classified(learner, loader.device, asked, rejection, watcher, stop, fitting)
    largest = 0
    for numbers, batch, logits, rejected in classified:
        labels, largest = batch.query_labels, max(largest, len(batch))
        for name, metric in named.items():
            values[name].append(metric(logits, labels).cpu())
        for name, measured in rejected.items():
            values.setdefault(name, []).append(measured.cpu())
        classes = np.asarray([[place[name] for name in row] for row in batch.classes])
        answers.append(_Answers.of(numbers, logits, labels, classes))
    seconds = time.perf_counter() - started
    order = torch.from_numpy(np.argsort(np.concatenate([one.numbers for one in answers])))
    joined = {name: torch.cat(parts)[order] for name, parts in values.items()}
    if not bool(torch.isfinite(joined["accuracy"]).all()):
        raise CellError("the classifier's logits are not finite; lower train.learning_rate or set train.clip")
    intervals = {name: interval(one) for name, one in joined.items() if name in metrics or name not in named}
    outcomes = _outcomes(joined["accuracy"], answers, sampler.catalogue.classes)
    at_once = fitting.most if fitting.most and fitting.most < largest else None
    return Scored(interval(joined["accuracy"]), intervals, outcomes, seconds, at_once)


def _none(numbers: np.ndarray) -> Sequence[Inputs]:
    del numbers
    return ()


_Asked = tuple[np.ndarray, Episodes, Sequence[Inputs]]
"""Numbers of some episodes, the episodes, and their unknown queries in parts."""

_Found = tuple[Tensor, dict[str, Tensor]]
"""Logits (T, Q, way) and measures (T,) by name."""


def _classified(
    learner: Learner,
    device: torch.device,
    batches: Iterable[_Asked],
    rejection: Rejection | None,
    watcher: Watcher | None,
    total: int,
    fitting: Fitting,
) -> Iterator[tuple[np.ndarray, Episodes, Tensor, dict[str, Tensor]]]:
    """Each batch with its logits (T, Q, way) and the measures of its rejection; several at a time where the
    learner allows it and nobody watches."""
    several = torch.get_num_threads() if device.type == "cpu" and learner.concurrent() else 1
    copies = [replica(learner) for _ in range(several)] if several > 1 else [learner]
    waiting, done = iter(batches), 0

    def answered(own: Learner, batch: Episodes, unknown: Sequence[Inputs]) -> _Found:
        classifier = own.adapt(batch.support)
        logits = classifier(batch.query_inputs)
        with unwatched():
            return logits, rejection.measures(classifier, batch, logits, unknown) if rejection else {}

    def classify(one: tuple[Learner, _Asked]) -> _Found:
        own, (_, batch, unknown) = one

        def compute(parts: Sequence[range]) -> _Found:
            if len(parts) == 1:
                return answered(own, batch, unknown)
            found: list[_Found] = []
            for part in parts:
                which = slice(part.start, part.stop)
                with sharing(which):
                    beside = [{name: leaf[which] for name, leaf in one.items()} for one in unknown]
                    found.append(answered(own, batch.slice(part.start, part.stop), beside))
            logits, measures = zip(*found, strict=True)
            return torch.cat(logits), {
                name: torch.cat([one[name] for one in measures]) for name in measures[0]
            }

        return fitting(len(batch), compute)

    def watch(one: tuple[Learner, _Asked]) -> _Found:
        nonlocal done
        assert watcher
        batch = one[1][1]
        watcher.batch_started(batch, done, total)
        done += len(batch)
        with watched(watcher):
            found = classify(one)
        watcher.batch_finished(query_cross_entropy(found[0], batch.query_labels))
        return found

    while some := list(itertools.islice(waiting, len(copies))):
        pairs = list(zip(copies, some, strict=False))
        found = in_turn(watch, pairs) if watcher else concurrently(classify, pairs)
        for (numbers, batch, _), (logits, measures) in zip(some, found, strict=True):
            yield numbers, batch, logits, measures


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of a batch of (T,) episodes: (T, Q) labels and predicted labels, which are the catalogue's class numbers
    and not the episode's, ranks and confidences."""

    numbers: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, logits: Tensor, labels: Tensor, classes: np.ndarray) -> _Answers:
        own = logits.gather(-1, labels.unsqueeze(-1))
        rank = (logits > own).sum(dim=-1)
        predicted = logits.argmax(dim=-1)
        # The softmax's largest value; classes come first, since sums over a short last dimension are slow.
        by_class = logits.float().movedim(-1, 0).contiguous()
        confidence = (by_class - by_class.amax(dim=0)).exp().sum(dim=0).reciprocal()
        meant, said = (np.take_along_axis(classes, one.cpu().numpy(), axis=1) for one in (labels, predicted))
        return cls(numbers, meant, said, rank.cpu().numpy(), confidence.cpu().numpy())


def _outcomes(accuracies: Tensor, answers: Sequence[_Answers], classes: tuple[str, ...]) -> Outcomes:
    """What was said of all queries, by the episodes' numbers, in whatever order they were scored."""
    episode = np.concatenate([np.repeat(one.numbers, one.labels.shape[1]) for one in answers])
    order = np.argsort(episode, kind="stable")

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(one, field).reshape(-1) for one in answers])[order]

    return Outcomes(
        accuracy=accuracies.numpy(),
        queries=np.bincount(episode, minlength=len(accuracies)),
        labels=joined("labels"),
        predicted=joined("predicted"),
        rank=joined("rank"),
        confidence=joined("confidence"),
        classes=classes,
    )


def _chunk(learner: Learner, loader: Loader, sampler: AnySampler) -> int:
    """Episodes per batch: a function of shapes only, so that results do not depend on the machine's load."""
    blocks = loader.catalogue.blocks
    firsts = np.zeros(1, dtype=np.int64) if blocks is None else np.unique(blocks.of, return_index=True)[1]
    example = max(sum(leaf.numel() for leaf in loader.gather(first).values()) for first in firsts[:, None])
    limit = EMBEDDED_NUMBERS if isinstance(learner.encoder, Embedded) else RAW_NUMBERS
    inputs = example * sampler.shape.most_examples
    return max(1, limit // (inputs + learner.weights_per_episode()))
