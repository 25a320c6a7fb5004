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
from torch import Tensor, nn

from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes
from kshot.errors import CellError
from kshot.functional import concurrently, in_turn, query_cross_entropy, replica, side_by_side, watched
from kshot.functional.fitting import Fitting
from kshot.functional.noting import Watcher, sharing, unwatched
from kshot.interfaces import BatchStatistics, Learner
from kshot.loading import Loader, ResidentLoader, embed_examples
from kshot.metrics import Interval, accuracy, interval
from kshot.outcomes import Knownness, Outcomes
from kshot.rejection import Looks, Queries, Rejection
from kshot.sampling import BLOCK, AnySampler, firsts
from kshot.statistics import rejection as measures

Metric = Callable[[Tensor, Tensor], Tensor]

EMBEDDED_NUMBERS = 2**22
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
            subject, loader, outside = _embedded(learner, loader, samplers, episodes, rejection, outside)

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
def _embedded(
    learner: Learner,
    loader: Loader,
    samplers: Sequence[AnySampler],
    episodes: int,
    rejection: Rejection | None,
    outside: Loader | None,
) -> tuple[Learner, Loader, Loader | None]:
    """The learner around embeddings, and loaders of those that the episodes and unknown queries need."""
    if isinstance(learner.encoder, Embedded):
        return learner, loader, outside
    if rejection is None or rejection.outside is None:
        outside = None
    known = np.zeros(len(loader.catalogue), dtype=bool)
    asked = np.zeros(len((outside or loader).catalogue), dtype=bool)
    for sampler in samplers:
        for drawn in sampler.blocks(sampler.count(episodes)):
            known[drawn.support] = True
            known[drawn.query] = True
        if rejection:
            unknown = rejection.sampler(sampler)
            for numbers in sampler.batches(0, sampler.count(episodes), BLOCK):
                asked[unknown.take(numbers)] = True
    encoder = learner.encoder
    # By themselves: an example's embedding is the same in any company but for rounding.
    table = _table(encoder, loader, [known] if outside else [known, asked & ~known])
    strangers = _table(encoder, outside, [asked]) if outside else None
    identity = Embedded(
        getattr(encoder, "modality", ""), table.gather(np.zeros(1, dtype=np.int64))[EMBEDDING].shape[-1]
    )
    return learner.around(identity), table, strangers


def _table(encoder: nn.Module, loader: Loader, passes: Sequence[np.ndarray]) -> ResidentLoader:
    """A loader of embeddings of the examples that are marked (N,), those of each pass by themselves."""
    places = [np.flatnonzero(one) for one in passes if one.any()]
    embedded = [embed_examples(encoder, loader, one) for one in places]
    table = embedded[0].new_zeros(len(loader.catalogue), embedded[0].shape[1])
    for positions, one in zip(places, embedded, strict=True):
        table[torch.from_numpy(positions).to(table.device)] = one
    return ResidentLoader(loader.catalogue, {EMBEDDING: table}, loader.device)


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
    answers: list[_Answers] = []
    started = time.perf_counter()
    stop, size = sampler.count(episodes), batch_size(learner, loader, sampler)
    place = {name: number for number, name in enumerate(sampler.catalogue.classes)}
    batches = zip(sampler.batches(0, stop, size), loader.episodes(sampler, 0, stop, size), strict=True)
    asked = ((numbers, batch, unknown(numbers)) for numbers, batch in batches)
    classified = _classified(learner, loader.device, asked, rejection, watcher, stop, fitting)
    largest = 0
    for numbers, batch, logits, looks in classified:
        labels, largest = batch.query_labels, max(largest, len(batch))
        for name, metric in named.items():
            values[name].append(metric(logits, labels).cpu())
        classes = np.asarray([[place[name] for name in row] for row in batch.classes])
        answers.append(_Answers.of(numbers, logits, labels, classes, looks))
    seconds = time.perf_counter() - started
    order = torch.from_numpy(np.argsort(np.concatenate([one.numbers for one in answers])))
    joined = {name: torch.cat(parts)[order] for name, parts in values.items()}
    if not bool(torch.isfinite(joined["accuracy"]).all()):
        raise CellError("the classifier's logits are not finite; lower train.learning_rate or set train.clip")
    outcomes = _outcomes(joined["accuracy"], answers, sampler.catalogue.classes)
    if rejection:
        joined |= measures(outcomes, rejection.score)
    intervals = {name: interval(one) for name, one in joined.items() if name in metrics or name not in named}
    at_once = fitting.most if fitting.most and fitting.most < largest else None
    return Scored(interval(joined["accuracy"]), intervals, outcomes, seconds, at_once)


def _none(numbers: np.ndarray) -> Queries:
    del numbers
    return ()


_Asked = tuple[np.ndarray, Episodes, Queries]
"""Numbers of some episodes, the episodes, and their unknown queries in parts."""

_Found = tuple[Tensor, Looks | None]
"""Logits (T, Q, way), and how known the queries look."""


def _classified(
    learner: Learner,
    device: torch.device,
    batches: Iterable[_Asked],
    rejection: Rejection | None,
    watcher: Watcher | None,
    total: int,
    fitting: Fitting,
) -> Iterator[tuple[np.ndarray, Episodes, Tensor, Looks | None]]:
    """Each batch with its logits (T, Q, way) and how known its queries look; several at a time where the
    learner allows it and nobody watches."""
    # Comparisons of embeddings are moved memory, which torch's own threads share as well without waiting.
    compares = isinstance(learner.encoder, Embedded) and not learner.weights_per_episode()
    several = side_by_side(device) if learner.concurrent() and not compares else 1
    copies = [replica(learner) for _ in range(several)] if several > 1 else [learner]
    waiting, done = iter(batches), 0

    def answered(own: Learner, batch: Episodes, unknown: Queries) -> _Found:
        classifier = own.adapt(batch.support)
        logits = classifier(batch.query_inputs)
        with unwatched():
            return logits, rejection.looks(own, classifier, batch, logits, unknown) if rejection else None

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
            return torch.cat([logits for logits, _ in found]), Looks.joined([looks for _, looks in found])

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
        for (numbers, batch, _), (logits, looks) in zip(some, found, strict=True):
            yield numbers, batch, logits, looks


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of a batch of (T,) episodes: (T, Q) labels and predicted labels, which are the catalogue's class numbers
    and not the episode's, ranks and confidences; and how known queries looked, where that was asked."""

    numbers: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray
    confidence: np.ndarray
    looks: Looks | None

    @classmethod
    def of(
        cls, numbers: np.ndarray, logits: Tensor, labels: Tensor, classes: np.ndarray, looks: Looks | None
    ) -> _Answers:
        own = logits.gather(-1, labels.unsqueeze(-1))
        rank = (logits > own).sum(dim=-1)
        predicted = logits.argmax(dim=-1)
        # The softmax's largest value; classes come first, since sums over a short last dimension are slow.
        by_class = logits.float().movedim(-1, 0).contiguous()
        confidence = (by_class - by_class.amax(dim=0)).exp().sum(dim=0).reciprocal()
        meant, said = (np.take_along_axis(classes, one.cpu().numpy(), axis=1) for one in (labels, predicted))
        return cls(numbers, meant, said, rank.cpu().numpy(), confidence.cpu().numpy(), looks)


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
        unknown=_knownness(answers, order),
    )


def _knownness(answers: Sequence[_Answers], order: np.ndarray) -> Knownness | None:
    """How all queries looked; ``order`` puts the known ones into that of their episodes."""
    looks = [one.looks for one in answers if one.looks is not None]
    if not looks:
        return None
    episodes = np.argsort(np.concatenate([one.numbers for one in answers]))

    def known(parts: Iterable[Tensor]) -> np.ndarray:
        return np.concatenate([part.cpu().numpy().reshape(-1) for part in parts])[order]

    def unknown(name: str) -> np.ndarray:
        return np.concatenate([one.unknown[name].cpu().numpy() for one in looks])[episodes]

    return Knownness(
        known={name: known(one.known[name] for one in looks) for name in looks[0].known},
        unknown={name: unknown(name) for name in looks[0].unknown},
        right=known(one.right for one in looks),
    )


def batch_size(learner: Learner, loader: Loader, sampler: AnySampler) -> int:
    """Episodes per batch: a function of shapes only, so that results do not depend on the machine's load."""
    each = firsts(loader.catalogue)[:, None]
    example = max(sum(leaf.numel() for leaf in loader.gather(first).values()) for first in each)
    limit = EMBEDDED_NUMBERS if isinstance(learner.encoder, Embedded) else RAW_NUMBERS
    inputs = example * sampler.shape.most_examples
    return max(1, limit // (inputs + learner.weights_per_episode()))
