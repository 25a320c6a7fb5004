"""An encoder can be trained, as a whole or in part, and adapted within an episode."""

from __future__ import annotations

from unittest import SkipTest

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from kshot.episode import Inputs
from kshot.functional import Pass, per_episode_norms, statistics
from kshot.functional.cudnn import without_cudnn
from kshot.functional.strategy import choose, over_tasks
from kshot.interfaces import Encoder
from kshot.testing.expectations import EXACT, expect, expect_close, expect_finite, name_of
from kshot.testing.outcomes import DeclaredExceptionError, one_line
from kshot.testing.subject import Subject

GROUPS = ("last", "lora", "all")

STEPS = 1e-5, 1e-7, 1e-9
"""Of finite differences: where a loss bends much, a long one misses the slope, and a short one drowns
in rounding where it bends little."""

Weights = dict[str, Tensor]


def check_groups(subject: Subject) -> None:
    """Every parameter subset names parameters that train, at least one; ``all`` is all of them."""
    encoder = subject.encoder()
    who, groups = name_of(encoder, subject), encoder.parameter_groups()
    names = {name for name, _ in encoder.named_parameters()}
    odd = sorted(set(groups) - set(GROUPS))
    expect(not odd and "all" in groups, who, f"groups are {sorted(groups)}", f"use {', '.join(GROUPS)}")
    trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    for group, members in groups.items():
        unknown = sorted(set(members) - names)
        expect(
            not unknown, who, f"group '{group}' names no parameters of its own: {unknown}", "mend the names"
        )
        filled = bool(members) or not trained
        expect(filled, who, f"group '{group}' is empty", "leave it out, or mend the names")
        # Whoever trains a group lets all of it train, whatever requires_grad was.
        still = sorted(set(members) - trained)
        what = f"group '{group}' would train {', '.join(still[:4])}, made with requires_grad = False"
        mend = "leave it out in parameter_groups(), make it a buffer, or let it train"
        expect(not still, who, what, mend)
    left = sorted(trained - set(groups["all"]))
    expect(not left, who, f"group 'all' leaves out {left[:4]}", "name every parameter that trains")


def check_gradients(subject: Subject) -> None:
    """Every parameter gets a finite gradient, in training mode."""
    encoder = subject.encoder().train()
    trained = dict(_trained(encoder, subject))
    embedded = encoder(subject.inputs())
    _project(embedded).sum().backward()
    who = name_of(encoder, subject)
    missing = [name for name, parameter in trained.items() if parameter.grad is None]
    expect(
        not missing, who, f"no gradient reaches {', '.join(missing[:4])}", "use it, or do not let it train"
    )
    for name, parameter in trained.items():
        if parameter.grad is not None:
            expect_finite(parameter.grad, who, f"the gradient of {name} is not finite", "guard square roots")


def check_second_order(subject: Subject) -> None:
    """The gradient through an inner gradient step is right: it agrees with finite differences."""
    encoder = _converted(subject)
    weights = _detached(encoder, subject)
    generator = torch.Generator().manual_seed(5)
    direction = {name: torch.randn(w.shape, generator=generator).to(w) for name, w in weights.items()}
    inputs = _task(subject, 0)

    def at(step: float) -> Tensor:
        moved = {name: w + step * direction[name] for name, w in weights.items()}
        return _after_inner_step(encoder, moved, inputs)

    gradients = torch.autograd.grad(at(0.0), list(weights.values()), materialize_grads=True)
    pairs = zip(gradients, direction.values(), strict=True)
    # Of a complex weight the real and the imaginary part are moved, each along its own slope.
    along = torch.stack([(g.conj() * d).real.sum() for g, d in pairs]).sum()
    slopes = [(at(step) - at(-step)).detach() / (2 * step) for step in STEPS]
    expect_close(
        along,
        min(slopes, key=lambda slope: float((slope - along).abs())),
        name_of(encoder, subject),
        "its second derivatives are wrong",
        "use operations whose gradient can be differentiated: no fused attention, no cuDNN LSTM",
        rtol=1e-4,
        atol=1e-6,
    )


def check_vmap(subject: Subject) -> None:
    """``torch.func.vmap`` over tasks gives loss and meta-gradient of a loop over them, in evaluation mode
    and in training mode, in which outer loops map it. Of one that varies in training mode, where no two
    passes agree, both are finite. For an encoder that says ``vmap = False`` that is an exception, once the
    loop is seen to serve it."""
    encoder = _converted(subject)
    weights = _detached(encoder, subject)
    tasks = [_task(subject, number) for number in range(2)]
    stacked = {name: torch.stack([task[name] for task in tasks]) for name in tasks[0]}
    who = name_of(encoder, subject)

    def one_by_one() -> Tensor:
        return torch.stack([_after_inner_step(encoder, weights, task) for task in tasks])

    if not encoder.vmap:
        _expect_fallback(encoder, weights, stacked, one_by_one(), who)
        raise DeclaredExceptionError("vmap = False; the loop over tasks that takes its place was tried")
    _expect_alike(_mapped(encoder, weights, stacked, who), one_by_one(), weights, who)
    encoder.train()
    who = f"{who} in training mode"
    alone = one_by_one()
    varies = not torch.equal(alone, one_by_one())
    together = _mapped(encoder, weights, stacked, who)
    if not varies:
        _expect_alike(together, alone, weights, who)
        return
    expect_finite(together, who, "mapped by vmap its loss is not finite", _MEND)
    gradients = torch.autograd.grad(together.sum(), list(weights.values()), materialize_grads=True)
    for name, gradient in zip(weights, gradients, strict=True):
        expect_finite(gradient, who, f"vmap gives a meta-gradient of {name} that is not finite", _MEND)


_MEND = (
    "write its norms out, give masks their full shape, branch on no values and write into no buffers, "
    "or set vmap = False"
)


def _mapped(encoder: Encoder, weights: Weights, stacked: Inputs, who: str) -> Tensor:
    """(T,) losses of T tasks at once, each leaf (T, B, …)."""

    def adapted(inputs: Inputs) -> Tensor:
        return _after_inner_step(encoder, weights, inputs, mapped=True)

    try:
        # Different, as in inner loops: what draws does so for every task anew.
        return vmap(adapted, randomness="different")(stacked)
    except RuntimeError as error:
        raise AssertionError(f"{who}: vmap cannot map it: {one_line(error)}; {_MEND}") from error


def _expect_alike(together: Tensor, alone: Tensor, weights: Weights, who: str) -> None:
    """Losses (T,) of tasks that were mapped and of a loop over them, and what these send to the weights."""
    expect_close(together, alone, who, "vmap and a loop over tasks disagree", _MEND)
    pairs = zip(
        torch.autograd.grad(together.sum(), list(weights.values()), materialize_grads=True),
        torch.autograd.grad(alone.sum(), list(weights.values()), materialize_grads=True),
        strict=True,
    )
    for name, (one, other) in zip(weights, pairs, strict=True):
        # Sums round by the size of their terms: of an element that nearly cancels, by that of the others.
        size = max(1.0, float(other.detach().abs().max())) if other.numel() else 1.0
        what = f"vmap gives another meta-gradient of {name} than a loop"
        expect_close(one, other, who, what, _MEND, atol=EXACT * size)


def _expect_fallback(encoder: Encoder, weights: Weights, stacked: Inputs, alone: Tensor, who: str) -> None:
    """Inner loops take the loop, and it has a finite meta-gradient of every parameter."""
    mend = "let inner loops go from task to task"
    chosen = choose("auto", encoder, next(iter(weights.values())).device, adapted=1)
    expect(not chosen.vmap, who, "inner loops map it in spite of vmap = False", mend)

    def one(shared: Weights, inputs: Inputs) -> Tensor:
        return _after_inner_step(encoder, shared, inputs)

    looped: Tensor = over_tasks(chosen, one, weights, stacked)
    expect_close(looped, alone, who, "a loop over tasks and the tasks one by one disagree", mend)
    gradients = torch.autograd.grad(looped.sum(), list(weights.values()), materialize_grads=True)
    for name, gradient in zip(weights, gradients, strict=True):
        expect_finite(gradient, who, f"the meta-gradient of {name} is not finite", "guard square roots")


def _after_inner_step(encoder: Encoder, weights: Weights, inputs: Inputs, *, mapped: bool = False) -> Tensor:
    """A loss after one gradient step on it, differentiable in the weights."""

    def loss(current: Weights) -> Tensor:
        return _project(functional_call(encoder, current, (inputs,))).square().mean()

    # cuDNN's LSTM has no second derivative; torch's own has.
    with (
        statistics(Pass(1, own=True, tracks=False, mapped=mapped)),
        without_cudnn(next(iter(weights.values())).device),
    ):
        gradient = grad(loss)(weights)
        return loss({name: weight - 0.1 * gradient[name] for name, weight in weights.items()})


def _project(embedded: Tensor) -> Tensor:
    """(B, dim) → (B,), each dimension with a weight of its own."""
    return embedded @ torch.linspace(-1, 1.5, embedded.shape[1]).to(embedded)


def _converted(subject: Subject) -> Encoder:
    """In float64, its norms converted as learners convert them."""
    encoder = subject.encoder(torch.float64)
    per_episode_norms(encoder)
    return encoder.eval()


def _trained(encoder: nn.Module, subject: Subject) -> list[tuple[str, nn.Parameter]]:
    found = [(name, parameter) for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    if not found:
        raise SkipTest(f"{name_of(encoder, subject)} has nothing to train")
    return found


def _detached(encoder: Encoder, subject: Subject) -> Weights:
    return {name: parameter.detach().requires_grad_() for name, parameter in _trained(encoder, subject)}


def _task(subject: Subject, number: int) -> Inputs:
    """Six examples of different classes; another number, other examples."""
    return {name: leaf[number:42:7] for name, leaf in subject.inputs(torch.float64).items()}
