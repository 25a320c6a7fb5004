"""What learners share that adapt weights to a support set, step by step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes, Examples, Inputs, inputs_of, labels_of
from kshot.functional import (
    Pass,
    embed,
    embed_jointly,
    is_watched,
    note,
    parameter_subset,
    per_episode_norms,
    query_cross_entropy,
    query_pass,
    support_pass,
    width_of,
)
from kshot.functional.norms import EpisodicBatchNorm, Moments
from kshot.functional.strategy import Strategy, StrategyName, choose, is_mappable
from kshot.functional.tasks import HEAD_BIAS, HEAD_WEIGHT, Tasks, Weights, prefixed
from kshot.interfaces import BatchStatistics, Classifier, Learner
from kshot.learners.heads import Head, HeadName, make_head

SUPPORT_LOSS = "loss/support"
"""What the support's loss (T,) is called in notes."""

Adapted = Literal["head", "last", "lora", "all"]


class InnerLoopLearner(Learner, ABC):
    """A learner whose classifier is a network with weights adapted to the support.

    The network is the encoder with a linear head. Of the encoder the subset ``adapt`` is adapted,
    the parameters of its batch norms left out; with ``head`` it only embeds, once for all tasks.

    Where the encoder is adapted, the default batch-statistics policy is ``support``, in training
    too: running statistics belong to weights that the inner loop leaves behind. Under ``frozen``
    training takes each pass's own statistics and updates the running ones from the support at
    the initial weights, as batch norm does elsewhere. Norms of a modality that only the queries have
    keep to running statistics under ``support`` too, which training updates from the queries. With
    ``head`` the default is ``frozen``, and support and query pass together in training, as metric
    learners train.
    """

    head: Head
    numbers_per_weight: int = 3
    """Weight, gradient and the step between them."""

    def __init__(
        self, encoder: nn.Module, adapt: Adapted, head: HeadName, way: int | None, strategy: StrategyName
    ) -> None:
        super().__init__()
        self.encoder = per_episode_norms(encoder)
        self.dim = width_of(encoder)
        self.head = make_head(head, self.dim, way)
        self.way = self.head.way
        self.adapts_encoder = adapt != "head"
        self._adapted = _subset(self.encoder, adapt)
        self._strategy: StrategyName = strategy
        # Running statistics belong to the weights before adaptation; the support's to those after.
        self.batch_statistics: BatchStatistics = "support" if self.adapts_encoder else "frozen"
        if strategy == "vmap":
            choose(strategy, self.encoder, torch.device("cpu"), 0)

    @classmethod
    def way_of(cls, way: int, options: Mapping[str, Any]) -> int | None:
        """That of training, where the head has an output for each of its classes."""
        return way if options.get("head") == "linear" else None

    @abstractmethod
    def descend(self, tasks: Tasks, start: Weights) -> list[Weights]:
        """The weights after each inner step; differentiable where the method is trained by it.

        Notes of every step the support's loss (T,) that it starts from, as ``loss/support``.
        """

    @abstractmethod
    def mean_loss(
        self, tasks: Tasks, path: Sequence[Weights], query: tuple[Inputs, ...], labels: Tensor
    ) -> Tensor:
        """The training loss of the queries (T, Q) under the weights that :meth:`descend` gave."""

    @final
    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """Adapt the weights of T tasks to their support, labels (T, n) a block."""
        labels, way = labels_of(support), support[0].way
        if self.adapts_encoder:
            tasks, start = self._tasks(inputs_of(support), labels, way, self.batch_statistics)
            path = self._path(tasks, start)
            return lambda query: _classified(tasks, path, query)
        first = support_pass(self.batch_statistics, len(labels))
        embedded = embed(self.encoder, inputs_of(support), first)
        tasks, start = self._head_tasks(embedded, labels, way)
        path = self._path(tasks, start)

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            queries = embed(self.encoder, query, query_pass(self.batch_statistics, first))
            return _classified(tasks, path, ({EMBEDDING: queries},))

        return classify

    @final
    def concurrent(self) -> bool:
        """Where tasks are gone over one by one: mapped ones are one computation already."""
        return self.adapts_encoder and not choose(self._strategy, self.encoder, torch.device("cpu"), 0).vmap

    @property
    def strategies(self) -> tuple[StrategyName, ...]:
        """The ways of going over tasks among which nothing but speed decides."""
        open_ = self.adapts_encoder and self._strategy == "auto" and is_mappable(self.encoder)
        return ("loop", "vmap") if open_ else ()

    @final
    def training_logits(self, support: tuple[Examples, ...], query: tuple[Inputs, ...]) -> Tensor:
        """Logits (T, Q, way) of the adapted weights, batch statistics as in training."""
        tasks, start, queries = self._training_tasks(support, query)
        return tasks.logits(self.descend(tasks, start)[-1], queries)

    @final
    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries under the adapted weights, in nats."""
        tasks, start, queries = self._training_tasks(episodes.support, episodes.query_inputs)
        return self.mean_loss(tasks, self.descend(tasks, start), queries, episodes.query_labels)

    @final
    def weights_per_episode(self) -> int:
        """Numbers adapted in an episode, times what the inner loop holds of each."""
        if not self.adapts_encoder:
            return 0
        return self.numbers_per_weight * sum(math.prod(shape) for shape in self.adapted_shapes().values())

    @final
    def adapted_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every adapted weight; the head's as one output has them."""
        own = dict(self.encoder.named_parameters())
        names = zip(prefixed(self._adapted), self._adapted, strict=True)
        encoder = {name: tuple(own[plain].shape) for name, plain in names}
        return {**encoder, HEAD_WEIGHT: (self.dim,), HEAD_BIAS: ()}

    def _path(self, tasks: Tasks, start: Weights) -> Sequence[Weights]:
        """The adapted weights; all before them too where somebody watches."""
        path = self.descend(tasks, start)
        return [start, *path] if is_watched() else path[-1:]

    def _training_tasks(
        self, support: tuple[Examples, ...], query: tuple[Inputs, ...]
    ) -> tuple[Tasks, Weights, tuple[Inputs, ...]]:
        labels, way = labels_of(support), support[0].way
        if not self.adapts_encoder:
            embedded, queries = embed_jointly(self.encoder, inputs_of(support), query)
            return *self._head_tasks(embedded, labels, way), ({EMBEDDING: queries},)
        policy, blocks = self.batch_statistics, inputs_of(support)
        resting: dict[nn.Module, Moments] = {}
        if self.encoder.training:
            # Norms of a modality that the support lacks learn nothing from it: these need running
            # statistics, as they were before this batch, whose episodes must not see each other.
            known = {frozenset(block) for block in blocks}
            foreign = tuple(block for block in query if frozenset(block) not in known)
            resting = _running(self.encoder) if foreign and policy == "support" else resting
            self._track((*(blocks if policy == "frozen" else ()), *foreign), len(labels))
            policy = "query" if policy == "frozen" else policy
        return *self._tasks(blocks, labels, way, policy, resting), query

    @torch.no_grad()
    def _track(self, blocks: tuple[Inputs, ...], tasks: int) -> None:
        """Update the running statistics, outside of any transform."""
        if blocks and any(isinstance(module, EpisodicBatchNorm) for module in self.encoder.modules()):
            embed(self.encoder, blocks, Pass(tasks, own=True))

    def _tasks(
        self,
        support: tuple[Inputs, ...],
        labels: Tensor,
        way: int,
        policy: BatchStatistics,
        resting: Mapping[nn.Module, Moments] = MappingProxyType({}),
    ) -> tuple[Tasks, Weights]:
        """Tasks that adapt the encoder, and the weights they start from."""
        own = dict(self.encoder.named_parameters())
        adapted = dict(zip(prefixed(self._adapted), (own[name] for name in self._adapted), strict=True))
        strategy = choose(
            self._strategy, self.encoder, labels.device, sum(w.numel() for w in adapted.values())
        )
        tasks = Tasks(self.encoder, support, labels, policy, strategy, resting)
        embedded = None
        if self.head.sees_support:
            passed = Pass(len(labels), own=policy != "frozen", tracks=False)
            embedded = embed(self.encoder, support, passed)
        head = self.head.start(way, embedded, labels)
        return tasks, Weights({**adapted, **head.shared}, head.own)

    def _head_tasks(self, embedded: Tensor, labels: Tensor, way: int) -> tuple[Tasks, Weights]:
        """Tasks that adapt the head alone, on (T, S, dim) embeddings."""
        identity = Embedded("", self.dim)
        tasks = Tasks(identity, ({EMBEDDING: embedded},), labels, "frozen", Strategy(vmap=True))
        return tasks, self.head.start(way, embedded, labels)


def _classified(tasks: Tasks, path: Sequence[Weights], query: tuple[Inputs, ...]) -> Tensor:
    """Logits (T, Q, way) of the last weights; those of all before are noted, as ``adapted``."""
    logits = tasks.logits(path[-1], query)

    def told() -> dict[str, Tensor]:
        losses, _ = tasks.gradients(path[-1], create_graph=False)
        earlier = [tasks.logits(weights, query) for weights in path[:-1]]
        return {SUPPORT_LOSS: losses, "logits": torch.stack([*earlier, logits])}

    note("adapted", told)
    return logits


def mean_query_loss(tasks: Tasks, weights: Weights, query: tuple[Inputs, ...], labels: Tensor) -> Tensor:
    """Mean cross-entropy of the queries (T, Q) under adapted weights, in nats."""
    return query_cross_entropy(tasks.logits(weights, query), labels)


def _running(encoder: nn.Module) -> dict[nn.Module, Moments]:
    """The running statistics of its norms, (1, C) each, as they are now."""
    return {
        norm: (norm.running_mean.clone().unsqueeze(0), norm.running_var.clone().unsqueeze(0))
        for norm in encoder.modules()
        if isinstance(norm, EpisodicBatchNorm)
        and norm.running_mean is not None
        and norm.running_var is not None
    }


def _subset(encoder: nn.Module, adapt: Adapted) -> list[str]:
    """Names of the encoder's parameters in a subset, those of batch norms and whole numbers left out.

    Raises:
        ValueError: the encoder has no such subset.
    """
    if adapt == "head":
        return []
    try:
        subset = parameter_subset(encoder, adapt, ["head"])
    except ValueError as error:
        raise ValueError(f"adapt: {error}") from error
    norms = {
        f"{path}.{name}"
        for path, module in encoder.named_modules()
        if isinstance(module, EpisodicBatchNorm)
        for name, _ in module.named_parameters()
    }
    whole = {
        name for name, one in encoder.named_parameters() if not (one.is_floating_point() or one.is_complex())
    }
    names = [name for name in subset if name not in norms | whole]
    if not names:
        raise ValueError(f"adapt: {adapt} has no parameters in {type(encoder).__name__}; take adapt: head")
    return names
