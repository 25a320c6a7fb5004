"""A learner's logits and loss have the promised shape and type, whatever the episode's shape."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from kshot.episode import Episodes
from kshot.interfaces import BatchStatistics
from kshot.testing.expectations import expect, expect_close, expect_finite, name_of
from kshot.testing.making import LearnerFactory, logits_of, made, trained
from kshot.testing.subject import Subject

SHAPES = ((3, 3, 2, 4), (1, 4, 1, 1), (2, 2, 3, 2))
"""T, way, shots, queries; none is a default, and no two numbers of the first agree but the way's."""

UNBALANCED = (1, 2, 3)
"""Shots of an episode's classes: 6 examples of 3 classes, which a reshape would not notice."""

UNEVEN = (0, 3, 5)
"""Queries of an episode's classes; one of them is asked for nothing."""


def check_shapes(make: LearnerFactory, subject: Subject) -> None:
    """Logits are (T, Q, way), float32 and finite for several T, way, shots and query counts; the policy
    that they follow is one that there is."""
    policies = get_args(BatchStatistics)
    for count, way, shots, queries in SHAPES:
        learner = made(make, subject, way)
        who = name_of(learner, subject)
        policy = learner.batch_statistics
        expect(
            policy in policies, who, f"batch_statistics is {policy!r}", f"take one of {', '.join(policies)}"
        )
        episodes = subject.episodes(count, way, shots, queries)
        classify = learner.adapt(episodes.support)
        _expect_logits(classify(episodes.query_inputs), episodes, way * queries, who)
        one = tuple({name: leaf[:, :1] for name, leaf in block.items()} for block in episodes.query_inputs)
        _expect_logits(classify(one), episodes, 1, who)


def check_unbalanced(make: LearnerFactory, subject: Subject) -> None:
    """Classes of 1, 2 and 3 support examples and 0, 3 and 5 queries, other ones in each episode, are served."""
    learner = made(make, subject)
    episodes = subject.episodes(shots=UNBALANCED, queries=UNEVEN)
    _expect_logits(logits_of(learner, episodes), episodes, sum(UNEVEN), name_of(learner, subject))
    if learner.trains:
        loss = trained(learner).loss(episodes)
        expect_finite(
            loss, name_of(learner, subject), "the loss of unbalanced classes is not finite", "mend it"
        )


def check_plain_use(make: LearnerFactory, subject: Subject) -> None:
    """``learner(support, support_labels, query)`` equals ``adapt`` and its classifier."""
    learner = made(make, subject, dtype=torch.float64)
    who = name_of(learner, subject)
    episodes = subject.episodes(1, dtype=torch.float64)
    block, query = episodes.support[0], episodes.query_inputs[0]
    expected = logits_of(learner, episodes)
    mend = "leave forward() as the base class has it, and take way and T from the tensors"
    several = learner(block.inputs, block.labels, query)
    expect_close(several, expected, who, "called with (T, S) labels it answers otherwise", mend)
    alone = {name: leaf[0] for name, leaf in block.inputs.items()}
    single = learner(alone, block.labels[0], {name: leaf[0] for name, leaf in query.items()})
    expect_close(single, expected[0], who, "called with (S,) labels it answers otherwise", mend)
    if learner.trains:
        logits = trained(learner)(block.inputs, block.labels, query)
        right = logits.shape == expected.shape and bool(logits.isfinite().all())
        expect(right, who, f"in training mode it answers {tuple(logits.shape)}", mend)


def check_loss(make: LearnerFactory, subject: Subject) -> None:
    """The loss is one finite number of the inputs' type, the mean of the episodes' own losses."""
    learner = trained(made(make, subject))
    who = name_of(learner, subject)
    loss = learner.loss(subject.episodes())
    shape = f"{tuple(loss.shape)} {loss.dtype}"
    expect(
        loss.ndim == 0 and loss.dtype == torch.float32,
        who,
        f"loss() gives {shape}, not a float32 scalar",
        "average over queries and episodes",
    )
    expect_finite(loss, who, f"the loss is {loss.item()}", "guard its logarithms and divisions")
    episodes = subject.episodes(dtype=torch.float64, shots=UNBALANCED, queries=UNEVEN)
    together = _loss(make, subject, episodes)
    alone = torch.stack([_loss(make, subject, episodes.slice(t, t + 1)) for t in range(len(episodes))]).mean()
    expect_close(
        together,
        alone,
        who,
        "the loss of several episodes is not the mean of their losses",
        "let no episode see another, and weigh all alike",
    )


def _loss(make: LearnerFactory, subject: Subject, episodes: Episodes) -> Tensor:
    """By a learner of its own, since training may move running statistics."""
    return trained(made(make, subject, dtype=torch.float64)).loss(episodes)


def _expect_logits(logits: Tensor, episodes: Episodes, queries: int, who: str) -> None:
    expected = (len(episodes), queries, episodes.way)
    shots = episodes.support[0].labels.shape[1]
    expect(
        tuple(logits.shape) == expected,
        who,
        f"logits are {tuple(logits.shape)}, not (T, Q, way) = {expected}, with {shots} support examples",
        "take T, Q and way from the episodes",
    )
    expect(
        logits.dtype == torch.float32, who, f"logits are {logits.dtype}, not float32", "keep the inputs' type"
    )
    expect_finite(logits, who, f"logits of {shots} support examples are not finite", "guard divisions")
