"""Prototypical networks against the formula, and the promises that every policy makes."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from kshot.encoders import Embedded
from kshot.episode import Episodes, Examples
from kshot.interfaces import BatchStatistics, Learner
from kshot.learners.embedding import class_means
from kshot.learners.prototypical import Prototypical
from kshot.testing import toy_encoder
from torch import Tensor, nn


def episodes(
    count: int = 3, way: int = 4, shot: int = 2, queries: int = 5, width: int = 16, key: str = "values"
) -> Episodes:
    generator = torch.Generator().manual_seed(0)

    def block(each: int) -> Examples:
        labels = torch.stack([torch.randperm(way * each, generator=generator) % way for _ in range(count)])
        return Examples({key: torch.randn(count, way * each, width, generator=generator)}, labels, way)

    names = tuple(tuple(f"c{t}{k}" for k in range(way)) for t in range(count))
    return Episodes((block(shot),), (block(queries),), names)


def logits_of(learner: Learner, batch: Episodes) -> Tensor:
    return learner.adapt(batch.support)(batch.query_inputs)


def by_hand(support: Tensor, labels: Tensor, query: Tensor, way: int) -> Tensor:
    """Logits of one episode, by loops over classes and queries."""
    prototypes = [support[labels == k].mean(0) for k in range(way)]
    return torch.stack([torch.stack([-((q - c) ** 2).sum() for c in prototypes]) for q in query])


def test_logits_and_loss_equal_the_papers_formula() -> None:
    batch = episodes(key="embedding")
    learner = Prototypical(Embedded("toy", 16))
    logits = logits_of(learner, batch)
    support, query = batch.support[0], batch.query[0]
    losses = []
    for t in range(3):
        expected = by_hand(support.inputs["embedding"][t], support.labels[t], query.inputs["embedding"][t], 4)
        torch.testing.assert_close(logits[t], expected, rtol=1e-4, atol=1e-4)
        p = torch.softmax(expected, dim=-1)[torch.arange(20), query.labels[t]]
        losses.append(-p.log().mean())
    torch.testing.assert_close(learner.loss(batch), torch.stack(losses).mean(), rtol=1e-4, atol=1e-4)


def test_cosine_logits() -> None:
    batch = episodes(key="embedding")
    learner = Prototypical(Embedded("toy", 16), distance="cosine", scale=7.0)
    support, query = batch.support[0], batch.query[0]
    prototypes = torch.stack(
        [support.inputs["embedding"][0][support.labels[0] == k].mean(0) for k in range(4)]
    )
    expected = 7 * F.cosine_similarity(query.inputs["embedding"][0][:, None], prototypes[None], dim=-1)
    torch.testing.assert_close(logits_of(learner, batch)[0], expected)


def test_the_scale_trains_only_when_asked() -> None:
    batch = episodes(key="embedding")
    fixed, learnt = (Prototypical(Embedded("toy", 16), learn_scale=learn) for learn in (False, True))
    assert not fixed.loss(batch).requires_grad
    learnt.loss(batch).backward()
    assert learnt.log_scale.grad is not None
    assert learnt.log_scale.grad != 0


def test_class_means_of_unbalanced_shots() -> None:
    embedded = torch.tensor([[[1.0], [2.0], [4.0], [10.0]]])
    assert class_means(embedded, torch.tensor([[0, 0, 0, 1]]), 2).flatten().tolist() == pytest.approx(
        [7 / 3, 10]
    )


def test_support_and_query_train_in_one_pass() -> None:
    """Joint statistics: the loss equals that of one batch norm over both sets of each episode."""
    batch = episodes()
    encoder = toy_encoder().double()
    plain = copy.deepcopy(encoder)
    learner = Prototypical(encoder).double()
    double = Episodes(
        *(
            tuple(Examples({"values": b.inputs["values"].double()}, b.labels, b.way) for b in blocks)
            for blocks in (batch.support, batch.query)
        ),
        batch.classes,
    )
    losses = []
    for t in range(3):
        s, q = double.support[0], double.query[0]
        z = plain({"values": torch.cat([s.inputs["values"][t], q.inputs["values"][t]])})
        logits = by_hand(z[:8], s.labels[t], z[8:], 4)
        losses.append(F.cross_entropy(logits, q.labels[t]))
    torch.testing.assert_close(learner.loss(double), torch.stack(losses).mean(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("policy", ["frozen", "support"])
def test_a_querys_logits_do_not_depend_on_its_company(policy: BatchStatistics) -> None:
    batch = episodes()
    learner = Prototypical(toy_encoder()).eval()
    learner.batch_statistics = policy
    together = logits_of(learner, batch)
    query = batch.query[0].inputs["values"]
    classify = learner.adapt(batch.support)
    alone = torch.cat([classify(({"values": query[:, i : i + 1]},)) for i in range(query.shape[1])], dim=1)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    single = torch.cat([logits_of(learner, batch.slice(t, t + 1)) for t in range(3)])
    torch.testing.assert_close(single, together, rtol=1e-4, atol=1e-5)


def test_transductive_statistics_do_depend_on_company_but_not_on_other_episodes() -> None:
    batch = episodes()
    learner = Prototypical(toy_encoder()).eval()
    learner.batch_statistics = "query"
    together = logits_of(learner, batch)
    half = learner.adapt(batch.support)(({"values": batch.query[0].inputs["values"][:, :10]},))
    assert (half - together[:, :10]).abs().max() > 1e-3
    single = torch.cat([logits_of(learner, batch.slice(t, t + 1)) for t in range(3)])
    torch.testing.assert_close(single, together, rtol=1e-4, atol=1e-5)


def test_policies_differ() -> None:
    batch = episodes()
    learner = Prototypical(toy_encoder()).eval()
    outputs = []
    for policy in ("frozen", "support", "query"):
        learner.batch_statistics = policy
        outputs.append(logits_of(learner, batch))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert (outputs[i] - outputs[j]).abs().max() > 1e-3


def test_joint_statistics_are_for_training_only() -> None:
    learner = Prototypical(toy_encoder())
    learner.batch_statistics = "joint"
    with pytest.raises(ValueError, match="training only"):
        learner.adapt(episodes().support)


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
def test_adapting_changes_nothing(policy: BatchStatistics) -> None:
    learner = Prototypical(toy_encoder()).eval()
    learner.batch_statistics = policy
    before = copy.deepcopy(learner.state_dict())
    attributes = set(vars(learner))
    state = torch.random.get_rng_state()
    logits_of(learner, episodes())
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert set(vars(learner)) == attributes
    assert torch.equal(torch.random.get_rng_state(), state)


def test_permuting_labels_permutes_logits() -> None:
    batch = episodes()
    learner = Prototypical(toy_encoder()).eval()
    order = torch.tensor([2, 0, 3, 1])
    block = batch.support[0]
    permuted = (Examples(block.inputs, order[block.labels], block.way),)
    expected = logits_of(learner, batch)
    torch.testing.assert_close(learner.adapt(permuted)(batch.query_inputs)[..., order], expected)


def test_around_shares_parameters_and_leaves_the_original() -> None:
    encoder = toy_encoder()
    learner = Prototypical(encoder, learn_scale=True)
    other = learner.around(Embedded("toy", 16))
    assert other.log_scale is learner.log_scale
    assert learner.encoder is encoder
    assert isinstance(other.encoder, Embedded)


def test_a_scale_must_be_positive() -> None:
    with pytest.raises(ValueError, match="scale must be positive"):
        Prototypical(nn.Identity(), scale=0.0)
