"""The LSTM meta-learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from kshot.episode import Inputs
from kshot.functional import note_step
from kshot.functional.strategy import StrategyName
from kshot.functional.tasks import Tasks, Weights
from kshot.learners.heads import HeadName
from kshot.learners.inner_loop import SUPPORT_LOSS, Adapted, InnerLoopLearner, mean_query_loss

P = 10.0
"""Ravi and Larochelle's p: magnitudes from e^-10 to 1 become logarithms between -1 and 0."""


@final
class MetaLSTM(InnerLoopLearner):
    """Meta-LSTM: an LSTM whose cell state is the classifier's weights learns how to update them.

    Ravi and Larochelle, "Optimization as a Model for Few-Shot Learning", ICLR 2017. The cell
    state starts at learnt weights and takes the support's negative gradient for its candidate;
    forget and input gates, computed for every coordinate by the same small network, take the
    place of weight decay and learning rate::

        h_k = LSTM([prep(g_k), prep(l_k)], h_{k-1}),     g_k = ∇ l_k,  l_k = L_support(θ_{k-1})
        f_k = W_f·[h_k, θ_{k-1}, f_{k-1}] + b_f,         i_k = W_i·[h_k, θ_{k-1}, i_{k-1}] + b_i
        θ_k = σ(f_k) θ_{k-1} - σ(i_k) g_k

    Gradients and losses are constants to the meta-learner: first order by design. The learnt
    start is the encoder's own adapted parameters and the head's.

    Memory, in training: a coordinate keeps its recurrent state (2 · ``hidden`` numbers), its
    weight, gradient and two gates for every step, 176 bytes at 20 hidden units in float32; the
    cell's other values are computed again on the way back. So it is linear in adapted
    parameters × ``inner_steps`` × episodes of a batch.

    Deviations: every step sees the whole support (the paper's batches are of 5 examples at
    1-shot and 25 at 5-shot, which is the support in 5-way episodes, but for other shapes it is
    not); batch norms' own weights are not part of the cell state; statistics for the policy
    ``support`` are those of the support at the final weights, not a running mean over the
    steps; heads other than ``linear`` are additions.

    Args:
        encoder: the embedding network, on which a linear head is put.
        way: number of classes, for the head ``linear``.
        adapt: what the inner loop adapts: ``head``, ``last``, ``lora`` or ``all``; the head always.
        head: where the head starts: ``linear`` (learnt, of one fixed way), ``shared`` (one learnt
            row) or ``prototype``.
        inner_steps: updates; the paper takes 12 at 1-shot and 8 at 5-shot.
        hidden: units of the LSTM that reads gradients.
        strategy: how tasks are gone over: ``loop``, ``vmap``, or ``auto`` by what ``kshot tune``
            found, else the shipped table.

    Raises:
        ValueError: the encoder has no such subset, or no width; head ``linear`` without a way.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        way: int | None = None,
        adapt: Adapted = "all",
        head: HeadName = "linear",
        inner_steps: Annotated[int, Field(ge=1)] = 8,
        hidden: Annotated[int, Field(ge=1)] = 20,
        strategy: StrategyName = "auto",
    ) -> None:
        super().__init__(encoder, adapt, head, way, strategy)
        self._steps = inner_steps
        self.numbers_per_weight = 2 * hidden + 6
        self.cell = GateCell(hidden)

    def descend(self, tasks: Tasks, start: Weights) -> list[Weights]:
        """One update of the cell state for each step.

        Notes of every step the gates too, ``forget_gate/NAME`` and ``input_gate/NAME`` (T, …) in 0 … 1
        for every adapted weight.
        """
        weights = start.stacked(len(tasks))
        names, shapes = list(weights), [value.shape for value in weights.values()]
        theta = _joined(weights, names)
        state = self.cell.start(theta)
        path: list[Weights] = []
        for step in range(self._steps):
            losses, gradients = tasks.gradients(Weights({}, weights), create_graph=False)
            theta, state = self.cell(theta, _joined(gradients, names), losses, state)
            weights = _parted(theta, names, shapes)
            path.append(Weights({}, weights))
            note_step(step, partial(_told, losses, state, names, shapes))
        return path

    def mean_loss(
        self, tasks: Tasks, path: Sequence[Weights], query: tuple[Inputs, ...], labels: Tensor
    ) -> Tensor:
        """The loss after the last step."""
        return mean_query_loss(tasks, path[-1], query, labels)


@dataclass(frozen=True, eq=False)
class State:
    """What the cell remembers of N coordinates besides their values.

    Attributes:
        h, c: (N, hidden) of the LSTM.
        forget, input: (N,) the gates before the sigmoid.
    """

    h: Tensor
    c: Tensor
    forget: Tensor
    input: Tensor


@final
class GateCell(nn.Module):
    """The update of every coordinate, its weights shared by all of them.

    Args:
        hidden: units of the LSTM that reads gradients.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTMCell(4, hidden)
        self.forget_gate = nn.Linear(hidden + 2, 1)
        self.input_gate = nn.Linear(hidden + 2, 1)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.01, 0.01)
        # At the start almost all of a weight is kept, and about 1 % of the gradient is taken.
        nn.init.uniform_(self.forget_gate.bias, 4, 5)
        nn.init.uniform_(self.input_gate.bias, -5, -4)

    def start(self, theta: Tensor) -> State:
        """The state before the first update of (T, P) coordinates."""
        zeros = theta.new_zeros(theta.numel(), self.hidden)
        return State(zeros, zeros, zeros[:, 0], zeros[:, 0])

    def forward(self, theta: Tensor, gradient: Tensor, losses: Tensor, state: State) -> tuple[Tensor, State]:
        """One update.

        Args:
            theta: (T, P) weights.
            gradient: (T, P), without a graph.
            losses: (T,), without a graph.
            state: of the last step.

        Returns:
            (T, P) new weights, and the new state.
        """
        arguments = (theta, gradient, losses, state.h, state.c, state.forget, state.input)
        with torch.autocast(theta.device.type, enabled=False):
            if torch.is_grad_enabled():
                after = checkpoint(self._update, *arguments, use_reentrant=False, preserve_rng_state=False)
            else:
                after = self._update(*arguments)
        return after[0], State(*after[1:])

    def _update(
        self,
        theta: Tensor,
        gradient: Tensor,
        losses: Tensor,
        h: Tensor,
        c: Tensor,
        forget: Tensor,
        input: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        loss = preprocessed(losses.to(theta.dtype)).unsqueeze(1).expand(*theta.shape, 2)
        read = torch.cat([preprocessed(gradient.to(theta.dtype)), loss], dim=2).flatten(0, 1)
        h, c = self.lstm(read, (h, c))
        flat = theta.flatten().unsqueeze(1)
        forget = self.forget_gate(torch.cat([h, flat, forget.unsqueeze(1)], dim=1)).squeeze(1)
        input = self.input_gate(torch.cat([h, flat, input.unsqueeze(1)], dim=1)).squeeze(1)
        kept = torch.sigmoid(forget).view_as(theta) * theta
        return kept - torch.sigmoid(input).view_as(theta) * gradient, h, c, forget, input


def _told(
    losses: Tensor, state: State, names: Sequence[str], shapes: Sequence[torch.Size]
) -> dict[str, Tensor]:
    """What a step notes: the losses it started from, and its gates by weight."""
    told = {SUPPORT_LOSS: losses}
    for gate, value in (("forget_gate", state.forget), ("input_gate", state.input)):
        parts = _parted(torch.sigmoid(value).view(len(losses), -1), names, shapes)
        told |= {f"{gate}/{name}": part for name, part in parts.items()}
    return told


def preprocessed(x: Tensor) -> Tensor:
    """Magnitude and sign of numbers that differ by orders of magnitude: (…) → (…, 2).

    (log|x| / p, sign x) where |x| ≥ e^-p, else (-1, e^p · x), p = 10; Andrychowicz et al.,
    "Learning to learn by gradient descent by gradient descent", NeurIPS 2016.
    """
    size = x.abs()
    large = size >= torch.e**-P
    logarithm = torch.where(large, size, 1.0).log() / P
    return torch.stack(
        [torch.where(large, logarithm, -1.0), torch.where(large, x.sign(), torch.e**P * x)], -1
    )


def _joined(weights: dict[str, Tensor], names: Sequence[str]) -> Tensor:
    """Weights (T, …) → (T, P)."""
    return torch.cat([weights[name].reshape(len(weights[name]), -1) for name in names], dim=1)


def _parted(theta: Tensor, names: Sequence[str], shapes: Sequence[torch.Size]) -> dict[str, Tensor]:
    """(T, P) → weights (T, …)."""
    parts = theta.split([shape[1:].numel() for shape in shapes], dim=1)
    return {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
