"""Learners built for a check, and what checks do with them again and again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import embed_flat
from kshot.interfaces import Learner
from kshot.testing.subject import Subject, cast

LearnerFactory = Callable[[nn.Module, int], Learner]
"""(encoder, way) → a learner around it whose episodes have that way."""


def learner_factory(factory: Callable[..., Learner], **options: Any) -> LearnerFactory:
    """The checks' way to build a learner.

    Args:
        factory: takes the encoder first, and ``way`` where its classifier has a fixed one.
        options: given to it by name.
    """
    wants_way = "way" in inspect.signature(factory).parameters

    def make(encoder: nn.Module, way: int) -> Learner:
        return factory(encoder, **options, **({"way": way} if wants_way else {}))

    return make


def made(
    make: LearnerFactory,
    subject: Subject,
    way: int = 3,
    dtype: torch.dtype = torch.float32,
    encoder: nn.Module | None = None,
) -> Learner:
    """A learner as a run has it before evaluation: in evaluation mode, the base classes seen.

    Args:
        make: builds it; under a fixed seed, so that it is the same at every call.
        subject: gives the encoder, unless there is one, and the base classes.
        way: of the episodes it will meet.
        dtype: of its parameters and buffers.
        encoder: built around this one instead of the subject's own.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        learner = make(subject.encoder(dtype) if encoder is None else encoder, way)
    cast(learner, dtype)
    learner = learner.to(subject.device).eval()
    if learner.wants_base:
        with torch.no_grad():
            learner.begin(embed_flat(learner.encoder, subject.inputs(dtype)), subject.labels)
    return learner


def logits_of(learner: Learner, episodes: Episodes) -> Tensor:
    """(T, Q, way) by adapting to the support and classifying the queries."""
    return learner.adapt(episodes.support)(episodes.query_inputs)


def trained(learner: Learner) -> Learner:
    """The learner itself in training mode.

    Raises:
        SkipTest: it has no training episodes of its own.
    """
    if not learner.trains:
        raise SkipTest(f"{type(learner).__name__} has no training episodes of its own (trains = False)")
    learner.train()
    if not any(parameter.requires_grad for parameter in learner.encoder.parameters()):
        learner.encoder.eval()  # as in a run: where nothing trains, running statistics stay
    return learner
