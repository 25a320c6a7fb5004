"""What learners share that look at examples through their embeddings alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import final

import torch
from torch import Tensor

from kshot.encoders import Embedded
from kshot.episode import Examples, Inputs, inputs_of, labels_of
from kshot.functional import embed, embed_jointly, query_pass, support_pass
from kshot.functional.concurrent import alone
from kshot.interfaces import Classifier, Learner

Comparison = Callable[[Tensor], Tensor]
"""(T, Q, dim) query embeddings → (T, Q, way) logits."""


class EmbeddingLearner(Learner, ABC):
    """A learner for which an episode is two sets of embeddings.

    The encoder is passed once for all T episodes; what follows is tensor algebra over T.
    """

    @abstractmethod
    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """What classifies queries, made of a support set.

        It and what it returns are called in full precision, whatever autocast the encoder ran
        under: differences of embeddings and sums over a support are mostly rounding in half.

        Args:
            support: (T, S, dim) embeddings.
            labels: (T, S) integers; classes may have different numbers of examples.
            way: number of classes.
        """

    @final
    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """Embed the support, (T, n) labels a block, and compare the queries of those T episodes with it."""
        labels = labels_of(support)
        first = support_pass(self.batch_statistics, len(labels))
        comparison = self._compare(embed(self.encoder, inputs_of(support), first), labels, support[0].way)

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            return comparison(embed(self.encoder, query, query_pass(self.batch_statistics, first)))

        return classify

    def concurrent(self) -> bool:
        """Episodes share nothing."""
        return True

    @final
    def training_logits(self, support: tuple[Examples, ...], query: tuple[Inputs, ...]) -> Tensor:
        """Logits (T, Q, way) with support and query in one pass of the encoder."""
        embedded, queries = embed_jointly(self.encoder, inputs_of(support), query)
        return self._compare(embedded, labels_of(support), support[0].way)(queries)

    def _compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        with full_precision(support), self._beside():
            comparison = self.compare(support, labels, way)

        def logits(query: Tensor) -> Tensor:
            with full_precision(query), self._beside():
                return comparison(query)

        return logits

    def _beside(self) -> AbstractContextManager[None]:
        """Where to compare: on one core, where a network's passes are most of the work."""
        training = torch.is_grad_enabled()
        return nullcontext() if training or isinstance(self.encoder, Embedded) else alone()


def full_precision(like: Tensor) -> torch.autocast:
    """A context without autocast on a tensor's device."""
    return torch.autocast(like.device.type, enabled=False)


def class_means(embedded: Tensor, labels: Tensor, way: int) -> Tensor:
    """(T, n, dim) embeddings, (T, n) labels → (T, way, dim) mean of each class."""
    members = one_hot(labels, way, embedded)
    return members.mT @ embedded / members.sum(1).unsqueeze(-1)


def shrunk_means(embedded: Tensor, labels: Tensor, way: int) -> Tensor:
    """Class means, those of few examples drawn towards the mean of all: empirical Bayes.

    The mean of n examples is off the mean of its class by Σ/n, Σ the spread of examples within classes, so that it
    is further from everything than one of many examples is: by squared distances small classes are answered too
    seldom. Where class means are spread around a common mean by B, what is known of them best is in between
    (James and Stein 1961; Efron and Morris, "Data analysis using Stein's estimator and its generalizations",
    JASA 1975), and the less is left of their distance to it the fewer their examples::

        left of class k = (B + Σ/n_max) / (B + Σ/n_k)

    which is that estimate but for the largest class's share of it, so that where classes are of one size they keep
    their means to the bit. Σ and B are traces of covariances, estimated from the support; the common mean weighs
    classes by what is left of them.

    Args:
        embedded: (T, n, dim) embeddings of a support.
        labels: (T, n) integers in 0 … way-1, every class at least once.
        way: number of classes, two at least.

    Returns:
        (T, way, dim).
    """
    members = one_hot(labels, way, embedded)
    counts = members.sum(1)
    means = members.mT @ embedded / counts.unsqueeze(-1)
    within = (embedded - members @ means).square().sum((1, 2)) / max(labels.shape[1] - way, 1)
    errors = within.unsqueeze(1) / counts
    around = (means - means.mean(1, keepdim=True)).square().sum((1, 2)) / (way - 1)
    # Where all means are one and there is no spread, nothing is divided by nothing.
    between = (around - errors.mean(1)).clamp_min(torch.finfo(means.dtype).tiny).unsqueeze(1)
    left = ((between + errors.amin(1, keepdim=True)) / (between + errors)).unsqueeze(-1)
    common = (left * means).sum(1, keepdim=True) / left.sum(1, keepdim=True)
    return means + (1 - left) * (common - means)


def one_hot(labels: Tensor, way: int, like: Tensor) -> Tensor:
    """(T, n) labels → (T, n, way) ones and zeros, of the type of ``like``."""
    return (labels.unsqueeze(-1) == torch.arange(way, device=labels.device)).to(like.dtype)
