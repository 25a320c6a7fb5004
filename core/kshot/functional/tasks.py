"""T tasks at once, each with weights of its own: what inner loops are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from kshot.episode import TENSOR, Inputs
from kshot.functional.cudnn import without_cudnn
from kshot.functional.embedding import laid_out, widened
from kshot.functional.norms import EpisodicBatchNorm, Moments, Pass, statistics
from kshot.functional.promised import promised_embeddings
from kshot.functional.strategy import Strategy, Tree, has_recurrence, over_tasks
from kshot.interfaces import BatchStatistics

HEAD_WEIGHT, HEAD_BIAS = "head.weight", "head.bias"
_ENCODER = "encoder."


@dataclass(frozen=True, eq=False)
class Weights:
    """The adapted weights of T tasks.

    Names are ``encoder.…`` for the encoder's parameters, ``head.weight`` (way, dim) and
    ``head.bias`` (way,) for the linear head's.

    Attributes:
        shared: (…) equal in all tasks, as the first step finds them.
        own: (T, …) one for each task.
    """

    shared: dict[str, Tensor]
    own: dict[str, Tensor]

    def stacked(self, tasks: int) -> dict[str, Tensor]:
        """All of them with T in front."""
        expanded = {name: value.expand(tasks, *value.shape) for name, value in self.shared.items()}
        return {**expanded, **self.own}


@final
class Tasks:
    """The support sets of T tasks, and a network of encoder and linear head to adapt to them.

    Args:
        encoder: its norms converted; parameters that are not adapted are used as they are.
        support: blocks with leaves (T, S, …).
        labels: (T, S).
        policy: where batch-dependent norms take their statistics from, in support and query.
        strategy: how the network is mapped over tasks.
        resting: statistics (1, C) of norms that no example of the support passes; default: running ones.
    """

    def __init__(
        self,
        encoder: nn.Module,
        support: tuple[Inputs, ...],
        labels: Tensor,
        policy: BatchStatistics,
        strategy: Strategy,
        resting: Mapping[nn.Module, Moments] = MappingProxyType({}),
    ) -> None:
        self._encoder = encoder
        self._support = support
        self._labels = labels
        self._policy: BatchStatistics = policy
        self._strategy = strategy
        self._resting = dict(resting)
        self._norms: list[nn.Module] = [
            one for one in encoder.modules() if isinstance(one, EpisodicBatchNorm) and not one.fixed
        ]

    def __len__(self) -> int:
        """Number of tasks T."""
        return len(self._labels)

    def gradients(self, weights: Weights, create_graph: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """Support loss and its gradient for each task.

        Args:
            weights: the adapted ones.
            create_graph: True to let the outer loop differentiate through the gradient.

        Returns:
            (T,) mean cross-entropy in nats, and (T, …) gradients under the weights' names.
        """

        def loss(adapted: dict[str, Tensor], blocks: tuple[Inputs, ...], labels: Tensor) -> Tensor:
            current = self._pass(own=self._policy != "frozen")
            return F.cross_entropy(self._logits(adapted, blocks, current), labels)

        def one(
            shared: dict[str, Tensor], own: dict[str, Tensor], blocks: tuple[Inputs, ...], labels: Tensor
        ) -> tuple[dict[str, Tensor], Tensor]:
            return torch.func.grad_and_value(loss)({**shared, **own}, blocks, labels)

        own_kernels = without_cudnn(self._labels.device) if has_recurrence(self._encoder) else nullcontext()
        with nullcontext() if create_graph else torch.no_grad(), own_kernels:
            gradients, losses = self._map(one, weights, self._support, self._labels)
        if create_graph:
            return losses, gradients
        return losses.detach(), {name: gradient.detach() for name, gradient in gradients.items()}

    def logits(self, weights: Weights, query: tuple[Inputs, ...]) -> Tensor:
        """Query inputs with leaves (T, Q, …) → (T, Q, way)."""

        def one(
            shared: dict[str, Tensor],
            own: dict[str, Tensor],
            blocks: tuple[Inputs, ...],
            moments: dict[str, Moments],
        ) -> Tensor:
            reached = {self._norms[int(number)]: one for number, one in moments.items()}
            recorded = {**self._resting, **reached}
            current = self._pass(own=self._policy == "query", recorded=recorded)
            return self._logits({**shared, **own}, blocks, current)

        return self._map(one, weights, query, self._moments(weights))

    def _moments(self, weights: Weights) -> dict[str, Moments]:
        """Under ``support``, what the norms see of the support at the adapted weights: (T, 1, C) each, by
        the norms' numbers. A norm that the support does not pass, of another modality, sees nothing."""
        if self._policy != "support" or not self._norms:
            return {}

        def one(
            shared: dict[str, Tensor], own: dict[str, Tensor], blocks: tuple[Inputs, ...]
        ) -> dict[str, Moments]:
            current = self._pass(own=True, records=True)
            self._logits({**shared, **own}, blocks, current)
            reached = [(str(k), current.recorded.get(norm)) for k, norm in enumerate(self._norms)]
            return {number: moments for number, moments in reached if moments is not None}

        return self._map(one, weights, self._support)

    def _map(self, function: Callable[..., Tree], weights: Weights, *each: Tree) -> Any:
        return over_tasks(self._strategy, function, weights.shared, weights.own, *each)

    def _pass(
        self, own: bool, records: bool = False, recorded: dict[nn.Module, Moments] | None = None
    ) -> Pass:
        return Pass(1, own, records, recorded or {}, tracks=False, mapped=self._strategy.vmap)

    def _logits(self, adapted: dict[str, Tensor], blocks: Sequence[Inputs], current: Pass) -> Tensor:
        """One task: blocks with leaves (n, …) → (n, way)."""
        own = {n.removeprefix(_ENCODER): w for n, w in adapted.items() if n.startswith(_ENCODER)}
        with statistics(current):
            parts = [self._embedded(own, block) for block in blocks]
        embedded = parts[0] if len(parts) == 1 else torch.cat(parts)
        return F.linear(embedded, adapted[HEAD_WEIGHT], adapted[HEAD_BIAS]).to(embedded.dtype)

    def _embedded(self, own: dict[str, Tensor], block: Inputs) -> Tensor:
        """One task's (n, …) inputs → (n, dim)."""
        # A mapped tensor has a hidden dimension, which no memory format has a place for.
        inputs = block if self._strategy.vmap else laid_out(block)
        given = functional_call(self._encoder, own, (inputs.get(TENSOR, inputs),))
        return widened(promised_embeddings(given, self._encoder, len(next(iter(inputs.values())))))


def prefixed(names: Sequence[str]) -> list[str]:
    """An encoder's parameter names as :class:`Weights` has them."""
    return [_ENCODER + name for name in names]
