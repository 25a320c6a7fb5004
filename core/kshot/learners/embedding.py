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


def one_hot(labels: Tensor, way: int, like: Tensor) -> Tensor:
    """(T, n) labels → (T, n, way) ones and zeros, of the type of ``like``."""
    return (labels.unsqueeze(-1) == torch.arange(way, device=labels.device)).to(like.dtype)
