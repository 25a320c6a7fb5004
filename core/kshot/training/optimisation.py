"""Optimiser, schedule, precision: what every kind of training shares."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import nn

from kshot.config import Optimisation
from kshot.errors import CellError
from kshot.interfaces import Encoder

log = logging.getLogger("kshot")

HALVINGS = 5
"""Equal stretches of a ``halving`` schedule that does not say how long they are."""


def trainable(learner: nn.Module) -> list[nn.Parameter]:
    """The parameters that training would change."""
    return [parameter for parameter in learner.parameters() if parameter.requires_grad]


def training_mode(learner: nn.Module) -> None:
    """Training mode, except for an encoder in which nothing trains: its norms keep their statistics."""
    learner.train()
    for module in learner.modules():
        if isinstance(module, Encoder) and not trainable(module):
            module.eval()


def random_generators(device: torch.device, augmentation: torch.Generator) -> dict[str, torch.Generator]:
    """All that a training draws from, by names that tell devices apart.

    Args:
        device: where it runs; what a network draws there (dropout) comes from the device's own generator.
        augmentation: of that device.
    """
    named = {"torch": torch.default_generator, f"augmentation/{device.type}": augmentation}
    if device.type == "cuda":
        named["torch/cuda"] = torch.cuda.default_generators[torch.empty(0, device=device).get_device()]
    return named


class Optimiser:
    """An optimiser with its schedule and its clipping.

    Args:
        parameters: what to train.
        options: optimiser, rate, schedule, weight decay, clip.
        steps: of the whole training.
        examples: episodes, or examples, per step; what ``halving_every`` counts in.
        rates: factor of the learning rate of a parameter; 1 for one that is not named.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        options: Optimisation,
        steps: int,
        examples: int,
        rates: Mapping[nn.Parameter, float] | None = None,
    ) -> None:
        self._parameters = parameters
        self._clip = options.clip
        self._factor = schedule(options, steps, examples)
        self._rate = options.learning_rate
        groups: dict[float, list[nn.Parameter]] = {}
        for parameter in parameters:
            groups.setdefault((rates or {}).get(parameter, 1.0), []).append(parameter)
        self._shares = list(groups)
        self.inner = _optimiser(list(groups.values()), options)

    def step(self, loss: torch.Tensor, number: int) -> None:
        """Step ``number`` (from 0), down the gradient of ``loss``."""
        self.forget()
        loss.backward()
        self.descend(number)

    def forget(self) -> None:
        """Drop the parameters' gradients."""
        self.inner.zero_grad(set_to_none=True)

    def descend(self, number: int) -> None:
        """Step ``number`` (from 0), down the gradients that the parameters hold."""
        for group, share in zip(self.inner.param_groups, self._shares, strict=True):
            group["lr"] = self._rate * self._factor(number) * share
        if self._clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self.inner.step()


def precision(options: Optimisation, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which a loss is computed: autocast for bfloat16, nothing for float32."""
    if options.precision == "float32":
        return nullcontext()
    if device.type == "cpu":
        _tell_slow_half(torch.backends.cpu.get_cpu_capability())
    return torch.autocast(device.type, torch.bfloat16)


@cache
def _tell_slow_half(capability: str) -> None:
    """Once in a process: of x86 processors those without AVX-512 have no instructions for bfloat16."""
    if capability == "AVX2":
        log.warning(
            "precision: bfloat16 on a processor without AVX-512, where it takes several times as long as float32; "
            "leave it out, unless memory is short"
        )


def schedule(options: Optimisation, steps: int, examples: int) -> Callable[[int], float]:
    """Step number → factor of the learning rate; arguments as for :class:`Optimiser`."""
    if options.schedule == "cosine":
        return lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    if options.schedule == "halving" and options.halving_every is not None:
        every = options.halving_every
        return lambda step: 0.5 ** (step * examples // every)
    if options.schedule == "halving":
        return lambda step: 0.5 ** min(HALVINGS - 1, HALVINGS * step // max(1, steps))
    return lambda step: 1.0


_UNMOVED = (
    "this training had moved nothing by then, so look for what is not finite in the encoder's embeddings and the "
    "learner's loss, or lower the learner's own rate, where it has one"
)


class Meter:
    """A running mean of losses that stays on the device until it is asked for."""

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), device=device)
        self._count = 0
        self._broken = torch.full((), -1, dtype=torch.int64, device=device)

    def add(self, loss: torch.Tensor, step: int) -> None:
        """Take in the loss of one step."""
        loss = loss.detach()
        self._sum += loss
        self._count += 1
        first = (self._broken < 0) & ~torch.isfinite(loss)
        self._broken = torch.where(first, step, self._broken)

    def take(self, mend: str) -> float:
        """The mean since the last call; waits for the device.

        Raises:
            CellError: a loss was not finite; names the step.
        """
        if self._count == 0:
            return math.nan
        step = int(self._broken)
        if step >= 0:
            raise CellError(
                f"the training loss was not finite in step {step + 1}; {mend if step else _UNMOVED}"
            )
        mean = float(self._sum) / self._count
        self._sum.zero_()
        self._count = 0
        return mean

    def state(self) -> dict[str, torch.Tensor]:
        """What :meth:`restore` takes back."""
        return {"sum": self._sum, "count": torch.tensor(self._count), "broken": self._broken}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Be as another meter was when it gave its :meth:`state`."""
        self._sum = state["sum"].to(self._sum.device)
        self._count = int(state["count"])
        self._broken = state["broken"].to(self._broken.device)


def kept_by(optimiser: torch.optim.Optimizer) -> set[str]:
    """Names of what an optimiser of those that a configuration can name keeps of each parameter."""
    return (
        {"momentum_buffer"} if isinstance(optimiser, torch.optim.SGD) else {"step", "exp_avg", "exp_avg_sq"}
    )


def _optimiser(groups: list[list[nn.Parameter]], options: Optimisation) -> torch.optim.Optimizer:
    parameters: Any = [{"params": group} for group in groups]
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9)
