"""What a learner may change and must keep: nothing while adapting, everything through a file."""

from __future__ import annotations

import torch
from safetensors.torch import load, save

from kshot.interfaces import BatchStatistics, Learner
from kshot.testing.expectations import expect, name_of
from kshot.testing.making import LearnerFactory, logits_of, made, trained
from kshot.testing.snapshot import Snapshot
from kshot.testing.subject import Subject

POLICIES: tuple[BatchStatistics, ...] = ("frozen", "support", "query")
"""What evaluation may ask of any learner."""


def check_adapt_changes_nothing(make: LearnerFactory, subject: Subject) -> None:
    """Adapting and classifying leave parameters, buffers, gradients, flags, attributes and the
    global random states as they were: in evaluation mode under every policy, with gradients and
    without, and in training mode."""
    for policy in POLICIES:
        learner = made(make, subject)
        learner.batch_statistics = policy
        for gradients in (True, False):
            with torch.set_grad_enabled(gradients):
                _expect_unchanged(learner, subject, f"under batch statistics '{policy}'")
    _expect_unchanged(made(make, subject).train(), subject, "in training mode")


def check_round_trip(make: LearnerFactory, subject: Subject) -> None:
    """Saved as safetensors and loaded into a learner built anew, around an encoder that was never
    fitted, it gives the same logits to the bit."""
    learner = made(make, subject)
    who = name_of(learner, subject)
    if learner.trains:
        _one_step(trained(learner), subject)
        learner.eval()
    state = learner.state_dict()
    odd = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    expect(not odd, who, f"state_dict holds no tensor under {odd}", "encode extra state as a uint8 tensor")
    # Tied weights and other layouts are the file format's business, not the learner's.
    content = save({name: value.detach().cpu().clone().contiguous() for name, value in state.items()})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        other = make(subject.fresh(seed=2), 3)
    other.load_state_dict(load(content))
    other = other.to(subject.device).eval()
    episodes = subject.episodes()
    expect(
        torch.equal(logits_of(other, episodes), logits_of(learner, episodes)),
        who,
        "loaded from its own state_dict it gives other logits",
        "register as parameter or buffer whatever training and begin() leave behind",
    )


def _one_step(learner: Learner, subject: Subject) -> None:
    """Move parameters and running statistics away from where building put them."""
    loss = learner.loss(subject.episodes())
    if not loss.requires_grad:
        return
    loss.backward()
    with torch.no_grad():
        for parameter in learner.parameters():
            if parameter.grad is not None:
                parameter -= 0.01 * parameter.grad.sgn()


def _expect_unchanged(learner: Learner, subject: Subject, when: str) -> None:
    snapshot = Snapshot(learner, subject.device)
    logits_of(learner, subject.episodes())
    changes = snapshot.changes()
    expect(
        not changes,
        name_of(learner, subject),
        f"adapting {when} changed {', '.join(changes[:4])}",
        "keep what an episode makes in the classifier's closure, and draw from a generator of your own",
    )
