"""Model-agnostic meta-learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, final

import torch
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.functional import note_step
from kshot.functional.strategy import StrategyName
from kshot.functional.tasks import Tasks, Weights
from kshot.learners.heads import HeadName
from kshot.learners.inner_loop import SUPPORT_LOSS, Adapted, InnerLoopLearner, mean_query_loss

LearnedRates = Literal["none", "tensor", "element"]


@final
class MAML(InnerLoopLearner):
    """MAML: an initialisation from which a few gradient steps on the support suffice.

    Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks",
    ICML 2017. The weights take gradient steps on an episode's support; training lowers the
    queries' loss after these steps, differentiating through them::

        θ_k = θ_{k-1} - α ∇ L_support(θ_{k-1}),    meta-loss = L_query(θ_K)

    Variants of the literature are options: first order (``order=1``, FOMAML); ``adapt="head"``
    (ANIL, Raghu et al., ICLR 2020); learnt inner rates, per tensor and step (LSLR of MAML++,
    Antoniou et al., ICLR 2019) or per element (Meta-SGD, Li et al., 2017); the loss after every
    step (multi-step loss of MAML++); ``head="prototype"`` (Proto-MAML, Triantafillou et al.,
    ICLR 2020). Deviations: the default batch-statistics policy is ``support`` (``frozen`` where
    the head alone is adapted), so that queries do not see each other; the paper's code always
    uses the batch at hand, which is the policy ``query``. Batch norms' own weights are not
    adapted, as in that code.

    Args:
        encoder: the embedding network, on which a linear head is put.
        way: number of classes, for the head ``linear``.
        adapt: what the inner loop adapts: ``head``, ``last``, ``lora`` or ``all``; the head always.
        head: where the head starts: ``linear`` (learnt, of one fixed way), ``shared`` (one learnt
            row) or ``prototype``.
        inner_steps: gradient steps in training.
        test_steps: gradient steps in evaluation mode; default: as in training.
        inner_rate: their learning rate α; the start, where it is learnt.
        order: 2 differentiates through the steps, 1 takes their gradients for constants.
        learned_rates: ``none``, ``tensor`` or ``element``. Steps beyond those trained use the
            rates of the last.
        multi_step_episodes: episodes over which the training loss moves from the mean over all
            steps to the last step alone; 0: the last alone from the start.
        strategy: how tasks are gone over: ``loop``, ``vmap``, or ``auto`` by what ``kshot tune``
            found, else the shipped table.

    Raises:
        ValueError: the encoder has no such subset, or no width; head ``linear`` without a way.
    """

    episodes_seen: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        way: int | None = None,
        adapt: Adapted = "all",
        head: HeadName = "linear",
        inner_steps: Annotated[int, Field(ge=1)] = 1,
        test_steps: Annotated[int, Field(ge=1)] | None = None,
        inner_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.4,
        order: Literal[1, 2] = 2,
        learned_rates: LearnedRates = "none",
        multi_step_episodes: Annotated[int, Field(ge=0)] = 0,
        strategy: StrategyName = "auto",
    ) -> None:
        super().__init__(encoder, adapt, head, way, strategy)
        self._steps, self._test_steps = inner_steps, test_steps or inner_steps
        self._rate, self._second_order = inner_rate, order == 2
        self._multi_step_episodes = multi_step_episodes
        self.rates = nn.ParameterDict(self._learned(learned_rates))
        self.register_buffer("episodes_seen", torch.zeros((), dtype=torch.int64))

    def descend(self, tasks: Tasks, start: Weights) -> list[Weights]:
        """Gradient descent; in evaluation without an outer graph, so that nothing is kept."""
        path: list[Weights] = []
        weights = start
        for step in range(self._steps if self.training else self._test_steps):
            outer = self._second_order and torch.is_grad_enabled()
            losses, gradients = tasks.gradients(weights, create_graph=outer)
            note_step(step, lambda losses=losses: {SUPPORT_LOSS: losses})
            before = {**weights.shared, **weights.own}
            stepped = {n: before[n] - self._rate_of(n, step) * g for n, g in gradients.items()}
            weights = Weights({}, stepped)
            path.append(weights)
        return path

    def mean_loss(
        self, tasks: Tasks, path: Sequence[Weights], query: tuple[Inputs, ...], labels: Tensor
    ) -> Tensor:
        """The loss after the last step, or that of all steps while they still count."""
        if self._multi_step_episodes == 0:
            return mean_query_loss(tasks, path[-1], query, labels)
        losses = torch.stack([mean_query_loss(tasks, weights, query, labels) for weights in path])
        early = (1 - self.episodes_seen / self._multi_step_episodes).clamp_min(0)
        self.episodes_seen += len(tasks)
        return early * losses.mean() + (1 - early) * losses[-1]

    def _rate_of(self, name: str, step: int) -> Tensor | float:
        key = _key(name)
        if key not in self.rates:
            return self._rate
        rate = self.rates[key]
        return rate[min(step, len(rate) - 1)]

    def _learned(self, kind: LearnedRates) -> dict[str, nn.Parameter]:
        """For each adapted tensor a rate (steps,), or one for each element (1, …)."""
        if kind == "none":
            return {}
        shapes = self.adapted_shapes()
        sizes = {name: (self._steps,) if kind == "tensor" else (1, *shape) for name, shape in shapes.items()}
        return {_key(name): nn.Parameter(torch.full(size, self._rate)) for name, size in sizes.items()}


def _key(name: str) -> str:
    """A weight's name as a parameter dictionary takes it."""
    return name.replace(".", "/")
