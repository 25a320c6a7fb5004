"""Gradients arrive, and every precision that a run may ask for works."""

from __future__ import annotations

from unittest import SkipTest

import torch

from kshot.functional.cudnn import without_cudnn
from kshot.interfaces import Learner
from kshot.testing.expectations import expect, expect_close, expect_finite, name_of
from kshot.testing.making import LearnerFactory, logits_of, made, trained
from kshot.testing.subject import Subject

SINGLE = {"cpu": 1e-3, "cuda": 2e-2}
"""How far float32 logits may lie from those of float64, relative to the largest; on CUDA
convolutions round their inputs to 10 bits (TF32)."""


def check_gradients(make: LearnerFactory, subject: Subject) -> None:
    """The loss sends a finite gradient to every trainable parameter of encoder and learner, and
    the logits of ``adapt`` are differentiable too."""
    learner = trained(made(make, subject))
    who = name_of(learner, subject)
    parameters = _trainable(learner)
    _expect_gradients(learner, learner.loss(subject.episodes()), f"{who}: loss()")
    learner.zero_grad()
    encoder = [p for name, p in parameters.items() if name.startswith("encoder.")]
    if not encoder:
        return
    # cuDNN's LSTM has no backward pass in evaluation mode; torch's own has.
    with without_cudnn(subject.device):
        logits = logits_of(learner.eval(), subject.episodes())
        mend = "leave it to the caller's torch.no_grad() to do without, and detach nothing on the way"
        expect(logits.requires_grad, who, "in evaluation mode the logits have no gradient", mend)
        weights = torch.rand(logits.shape, generator=torch.Generator().manual_seed(0))
        (logits * weights.to(logits.device)).sum().backward()
    reached = [p.grad for p in encoder if p.grad is not None]
    right = any(bool(grad.any()) for grad in reached) and all(bool(g.isfinite().all()) for g in reached)
    expect(right, who, "the logits of adapt() send no finite gradient to the encoder", mend)


def check_without_gradients(make: LearnerFactory, subject: Subject) -> None:
    """Inside ``torch.no_grad()``, as in evaluation, the logits are the same."""
    learner = made(make, subject, dtype=torch.float64)
    episodes = subject.episodes(dtype=torch.float64)
    with torch.no_grad():
        logits = logits_of(learner, episodes)
    expect(
        not logits.requires_grad,
        name_of(learner, subject),
        "inside torch.no_grad() the logits hold on to their graph",
        "detach what an inner loop adapted",
    )
    expect_close(
        logits,
        logits_of(learner, episodes),
        name_of(learner, subject),
        "inside torch.no_grad() the logits are others",
        "switch gradients on where adapting needs them",
    )


def check_precision(make: LearnerFactory, subject: Subject) -> None:
    """In float64 the logits are float64, and those of float32 lie near them."""
    exact, single = (made(make, subject, dtype=dtype) for dtype in (torch.float64, torch.float32))
    who = name_of(exact, subject)
    expected = logits_of(exact, subject.episodes(dtype=torch.float64)).detach()
    expect(
        expected.dtype == torch.float64,
        who,
        f"logits of float64 inputs are {expected.dtype}",
        "make tensors with the dtype of those at hand",
    )
    expect_close(
        logits_of(single, subject.episodes()).double(),
        expected,
        who,
        "float32 and float64 disagree",
        "look for a cancellation or a hard-coded type",
        rtol=0,
        atol=SINGLE.get(subject.device.type, SINGLE["cuda"]) * (1 + float(expected.abs().max())),
    )


def check_autocast(make: LearnerFactory, subject: Subject) -> None:
    """Under bfloat16 autocast logits and loss stay float32 and finite, gradients finite."""
    learner = made(make, subject)
    who = f"{name_of(learner, subject)} under bfloat16 autocast"
    with torch.autocast(subject.device.type, torch.bfloat16):
        logits = logits_of(learner, subject.episodes())
    expect(logits.dtype == torch.float32, who, f"logits are {logits.dtype}", "compare embeddings in float32")
    expect_finite(logits, who, "logits are not finite", "compare embeddings in float32")
    if learner.trains and _trainable(learner):
        trained(learner)
        with torch.autocast(subject.device.type, torch.bfloat16):
            loss = learner.loss(subject.episodes())
        expect(loss.dtype == torch.float32, who, f"the loss is {loss.dtype}", "compute it in float32")
        _expect_gradients(learner, loss, f"{who}: loss()")


def _trainable(learner: Learner) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in learner.named_parameters() if parameter.requires_grad}


def _expect_gradients(learner: Learner, loss: torch.Tensor, who: str) -> None:
    """Every trainable parameter has a finite gradient; the encoder as a whole, and each of the
    learner's own, one that is not zero."""
    parameters = _trainable(learner)
    if not parameters:
        raise SkipTest(f"{who} has nothing to train")
    expect_finite(loss, who, f"the loss is {loss.item()}", "guard its logarithms and divisions")
    expect(loss.requires_grad, who, "has no gradient at all", "detach nothing on the way")
    loss.backward()
    missing = [name for name, parameter in parameters.items() if parameter.grad is None]
    expect(
        not missing, who, f"sends no gradient to {', '.join(missing[:4])}", "use it, or do not let it train"
    )
    grads = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
    wild = [name for name, grad in grads.items() if not bool(grad.isfinite().all())]
    expect(
        not wild, who, f"sends NaN or infinity to {', '.join(wild[:4])}", "guard square roots and logarithms"
    )
    reached = {name for name, grad in grads.items() if bool(grad.any())}
    still = [name for name in grads if name not in reached and not name.startswith("encoder.")]
    expect(not still, who, f"sends only zeros to {', '.join(still[:4])}", "use it, or do not let it train")
    encoder = [name for name in grads if name.startswith("encoder.")]
    expect(
        not encoder or not reached.isdisjoint(encoder),
        who,
        "sends only zeros to the encoder",
        "detach nothing on the way",
    )
