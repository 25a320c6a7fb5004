"""What a query's logits may depend on: its episode's support, and no order in it."""

from __future__ import annotations

import torch
from torch import Tensor

from kshot.episode import Episodes, Examples, Inputs
from kshot.testing.expectations import expect_close, name_of
from kshot.testing.learners.outputs import UNBALANCED
from kshot.testing.learners.state import POLICIES
from kshot.testing.making import LearnerFactory, logits_of, made
from kshot.testing.subject import Subject


def check_episodes_apart(make: LearnerFactory, subject: Subject) -> None:
    """An episode alone has the logits that it has in a batch of three, under every policy."""
    episodes = _episodes(subject)
    for policy in POLICIES:
        learner = made(make, subject, dtype=torch.float64)
        learner.batch_statistics = policy
        together = logits_of(learner, episodes)
        alone = [logits_of(learner, episodes.slice(t, t + 1)) for t in range(len(episodes))]
        expect_close(
            torch.cat(alone),
            together,
            name_of(learner, subject),
            f"under batch statistics '{policy}' an episode's logits depend on the batch's other episodes",
            "reduce over the examples of one episode only, and embed through kshot.functional",
        )


def check_companions(make: LearnerFactory, subject: Subject) -> None:
    """Under ``frozen`` and ``support`` a query's logits do not depend on the other queries."""
    episodes = _episodes(subject)
    for policy in ("frozen", "support"):
        learner = made(make, subject, dtype=torch.float64)
        learner.batch_statistics = policy
        classify = learner.adapt(episodes.support)
        together = classify(episodes.query_inputs)
        parts = [classify(_queries(episodes, part)) for part in (slice(0, 2), slice(2, 7), slice(7, None))]
        expect_close(
            torch.cat(parts, dim=1),
            together,
            name_of(learner, subject),
            f"under batch statistics '{policy}' a query's logits depend on its companions",
            "let the classifier treat each query by itself, and pass its statistics on with query_pass, or declare "
            "the exception with its reason where the method is transductive",
        )


def check_label_equivariance(make: LearnerFactory, subject: Subject) -> None:
    """Classes numbered otherwise, differently in each episode, have the same logits elsewhere."""
    learner = made(make, subject, dtype=torch.float64)
    episodes = _episodes(subject)
    generator = torch.Generator().manual_seed(3)
    orders = [torch.randperm(episodes.way, generator=generator) for _ in range(len(episodes) - 1)]
    order = torch.stack([torch.tensor([1, 2, 0]), *orders]).to(subject.device)  # one at least moves all
    block = episodes.support[0]
    renumbered = Examples(block.inputs, order.gather(1, block.labels), block.way)
    logits = learner.adapt((renumbered,))(episodes.query_inputs)
    expect_close(
        logits.gather(2, order.unsqueeze(1).expand_as(logits)),
        logits_of(learner, episodes),
        name_of(learner, subject),
        "classes numbered otherwise get other logits",
        "treat all classes alike, or declare the exception with its reason",
    )


def check_support_order(make: LearnerFactory, subject: Subject) -> None:
    """The support's examples in another order, each with its label, make the same classifier."""
    learner = made(make, subject, dtype=torch.float64)
    episodes = _episodes(subject)
    block = episodes.support[0]
    turned = Examples(
        {name: leaf.flip(1) for name, leaf in block.inputs.items()}, block.labels.flip(1), block.way
    )
    expect_close(
        learner.adapt((turned,))(episodes.query_inputs),
        logits_of(learner, episodes),
        name_of(learner, subject),
        "the order of the support's examples changes the logits",
        "find a class's examples by their labels, or declare the exception with its reason",
    )


def _episodes(subject: Subject) -> Episodes:
    return subject.episodes(shots=UNBALANCED, dtype=torch.float64)


def _queries(episodes: Episodes, part: slice) -> tuple[Inputs, ...]:
    def of(leaf: Tensor) -> Tensor:
        return leaf[:, part]

    return tuple({name: of(leaf) for name, leaf in block.items()} for block in episodes.query_inputs)
