"""A learner learns from what the encoder tells it, and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from kshot.episode import Inputs
from kshot.interfaces import Encoder, Learner
from kshot.metrics import accuracy
from kshot.testing.expectations import expect, name_of
from kshot.testing.making import LearnerFactory, logits_of, made, trained
from kshot.testing.subject import Subject

STEPS, META_BATCH, RATE = 60, 4, 0.01
"""Training of :func:`check_learns`: steps of Adam, episodes in each, learning rate."""

ERRORS = 3.5
"""Standard errors by which a mean of chance may miss chance: one in two thousand misses by more."""


def check_constant_encoder(make: LearnerFactory, subject: Subject) -> None:
    """Around an encoder that takes every example for the same, it scores chance."""
    plain = made(make, subject)
    learner = made(make, subject, encoder=_Constant(subject.encoder(), subject.inputs()))
    mean, error = _accuracy(learner, subject, range(len(subject.raw)), count=24)
    chance = 1 / 3
    expect(
        abs(mean - chance) <= ERRORS * error + 1e-6,
        name_of(plain, subject),
        f"around a constant encoder it scores {mean:.3f} where chance is {chance:.3f} ± {ERRORS * error:.3f}",
        "look for a way by which labels or raw inputs reach the classifier past the encoder",
    )


def check_learns(make: LearnerFactory, subject: Subject) -> None:
    """After a few training steps on half of the classes it beats chance on the others."""
    learner = made(make, subject)
    half = len(subject.raw) // 2
    if learner.trains:
        _train(trained(learner), subject, range(half))
    mean, error = _accuracy(learner.eval(), subject, range(half, len(subject.raw)), count=40)
    chance = 1 / 3
    expect(
        mean - ERRORS * error > chance,
        name_of(learner, subject),
        f"after {STEPS} steps it scores {mean:.3f} ± {ERRORS * error:.3f} on unseen classes; chance is {chance:.3f}",
        "check the sign of the logits, the order of the labels and what the loss lowers",
    )


def _train(learner: Learner, subject: Subject, classes: Sequence[int]) -> None:
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if not parameters:
        return
    optimiser = torch.optim.Adam(parameters, lr=RATE)
    for step in range(STEPS):
        optimiser.zero_grad()
        learner.loss(subject.episodes(META_BATCH, classes=classes, seed=step)).backward()
        optimiser.step()


@torch.no_grad()
def _accuracy(learner: Learner, subject: Subject, classes: Sequence[int], count: int) -> tuple[float, float]:
    """Mean over episodes, and its standard error."""
    episodes = subject.episodes(count, classes=classes, seed=99)
    parts = [episodes.slice(t, t + META_BATCH) for t in range(0, count, META_BATCH)]  # bounds memory
    values = torch.cat([accuracy(logits_of(learner, part), part.query_labels) for part in parts])
    return float(values.mean()), float(values.std()) / math.sqrt(count)


@final
class _Constant(Encoder):
    """An encoder that is shown the same example whatever it is given; trainable as ever.

    Args:
        inner: the encoder.
        inputs: prepared examples, each leaf (N, …), of which the first is shown.
    """

    def __init__(self, inner: Encoder, inputs: Inputs) -> None:
        super().__init__()
        self.inner = inner
        self.modality, self.dim, self.vmap = inner.modality, inner.dim, inner.vmap
        self._shown = {name: leaf[:1] for name, leaf in inputs.items()}

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """As the inner one."""
        return self.inner.prepare(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, …) → (B, dim), all rows alike."""
        count = len(next(iter(inputs.values())))
        return self.inner({name: leaf.expand(count, *leaf.shape[1:]) for name, leaf in self._shown.items()})

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """Those of the inner one."""
        groups = self.inner.parameter_groups()
        return {group: [f"inner.{name}" for name in names] for group, names in groups.items()}
