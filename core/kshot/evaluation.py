"""Scores on frozen episodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.errors import CellError
from kshot.interfaces import BatchStatistics, Learner
from kshot.loading import Loader, ResidentLoader, embed_positions
from kshot.metrics import Interval, accuracy, interval
from kshot.outcomes import Outcomes
from kshot.rejection import Rejection
from kshot.sampling import BLOCK, AnySampler

Metric = Callable[[Tensor, Tensor], Tensor]

EMBEDDED_NUMBERS = 2**24
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
    """

    accuracy: Interval
    metrics: dict[str, Interval]
    outcomes: Outcomes
    seconds: float


@torch.no_grad()
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
        CellError: logits are not finite.
        DataError: too few classes are left for unknown queries.
    """
    training, policy = learner.training, learner.batch_statistics
    encoder_training = learner.encoder.training
    learner.eval()
    try:
        learner.batch_statistics = batch_statistics or policy
        subject = learner
        if learner.batch_statistics == "frozen" and not learner.adapts_encoder:
            subject, loader = _embedded(learner, loader, samplers, episodes, rejection)
        return [_score(subject, loader, sampler, episodes, metrics or {}, rejection) for sampler in samplers]
    finally:
        learner.batch_statistics = policy
        learner.train(training)
        learner.encoder.train(encoder_training)


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
    embedded = embed_positions(learner.encoder, loader.gather, positions)
    table = embedded.new_zeros(len(used), embedded.shape[1])
    table[torch.from_numpy(positions).to(table.device)] = embedded
    identity = Embedded(getattr(learner.encoder, "modality", ""), embedded.shape[1])
    return learner.around(identity), ResidentLoader(loader.catalogue, {EMBEDDING: table}, loader.device)


def _score(
    learner: Learner,
    loader: Loader,
    sampler: AnySampler,
    episodes: int,
    metrics: Mapping[str, Metric],
    rejection: Rejection | None,
) -> Scored:
    named: dict[str, Metric] = {"accuracy": accuracy, **metrics}
    values: dict[str, list[Tensor]] = {name: [] for name in named}
    answers: list[_Answers] = []
    started = time.perf_counter()
    stop, size = sampler.count(episodes), _chunk(learner, loader, sampler)
    batches = zip(sampler.batches(0, stop, size), loader.episodes(sampler, 0, stop, size), strict=True)
    for numbers, batch in batches:
        classify = learner.adapt(batch.support)
        logits = classify(batch.query_inputs)
        labels = batch.query_labels
        for name, metric in named.items():
            values[name].append(metric(logits, labels).cpu())
        if rejection:
            found = rejection.measures(
                classify, loader, sampler, numbers, logits, batch, learner.batch_statistics
            )
            for name, measured in found.items():
                values.setdefault(name, []).append(measured.cpu())
        answers.append(_Answers.of(numbers, logits, labels))
    seconds = time.perf_counter() - started
    order = torch.from_numpy(np.argsort(np.concatenate([one.numbers for one in answers])))
    joined = {name: torch.cat(parts)[order] for name, parts in values.items()}
    if not bool(torch.isfinite(joined["accuracy"]).all()):
        raise CellError("the classifier's logits are not finite; lower train.learning_rate or set train.clip")
    intervals = {name: interval(one) for name, one in joined.items() if name in metrics or name not in named}
    outcomes = _outcomes(joined["accuracy"], answers, sampler)
    return Scored(interval(joined["accuracy"]), intervals, outcomes, seconds)


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of a batch of (T,) episodes: (T, Q) labels, predicted labels, ranks and confidences."""

    numbers: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    rank: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray, logits: Tensor, labels: Tensor) -> _Answers:
        own = logits.gather(-1, labels.unsqueeze(-1))
        rank = (logits > own).sum(dim=-1)
        confidence, predicted = logits.float().softmax(dim=-1).max(dim=-1)
        return cls(numbers, *(one.cpu().numpy() for one in (labels, predicted, rank, confidence)))

    def named(self, sampler: AnySampler) -> _Answers:
        """With labels that are the catalogue's class numbers, not the episode's."""
        classes = sampler.take(self.numbers).classes
        labels = np.take_along_axis(classes, self.labels, axis=1)
        return replace(self, labels=labels, predicted=np.take_along_axis(classes, self.predicted, axis=1))


def _outcomes(accuracies: Tensor, answers: Sequence[_Answers], sampler: AnySampler) -> Outcomes:
    """What was said of all queries, by the episodes' numbers, in whatever order they were scored."""
    named = [one.named(sampler) for one in answers]
    episode = np.concatenate([np.repeat(one.numbers, one.labels.shape[1]) for one in named])
    order = np.argsort(episode, kind="stable")

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(one, field).reshape(-1) for one in named])[order]

    return Outcomes(
        accuracy=accuracies.numpy(),
        queries=np.bincount(episode, minlength=len(accuracies)),
        labels=joined("labels"),
        predicted=joined("predicted"),
        rank=joined("rank"),
        confidence=joined("confidence"),
        classes=sampler.catalogue.classes,
    )


def _chunk(learner: Learner, loader: Loader, sampler: AnySampler) -> int:
    """Episodes per batch: a function of shapes only, so that results do not depend on the machine's load."""
    example = sum(leaf.numel() for leaf in loader.gather(np.zeros(1, dtype=np.int64)).values())
    limit = EMBEDDED_NUMBERS if isinstance(learner.encoder, Embedded) else RAW_NUMBERS
    inputs = example * sampler.shape.most_examples
    return max(1, limit // (inputs + learner.weights_per_episode()))
