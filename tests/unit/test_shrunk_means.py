"""Class means where classes are of several sizes: against the estimate by hand, and what it is for."""

from __future__ import annotations

import pytest
import torch
from kshot.learners.embedding import class_means, shrunk_means
from kshot.learners.prototypical import Prototypical
from kshot.learners.simpleshot import SimpleShot
from torch import Tensor, nn


def problem(
    counts: list[int], dim: int = 6, episodes: int = 1, apart: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """(T, S, dim) embeddings, (T, S) labels and the classes' own means (T, way, dim), in float64."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).repeat(episodes, 1)
    true = apart * torch.randn(episodes, len(counts), dim, generator=generator, dtype=torch.float64)
    noise = torch.randn(*labels.shape, dim, generator=generator, dtype=torch.float64)
    return true.gather(1, labels.unsqueeze(-1).expand(-1, -1, dim)) + noise, labels, true


def by_hand(embedded: Tensor, labels: Tensor, way: int) -> Tensor:
    """Of one episode, class by class."""
    members = [[x for x, y in zip(embedded, labels.tolist(), strict=True) if y == k] for k in range(way)]
    means = [sum(some) / len(some) for some in members]
    spread = sum(float(((x - m) ** 2).sum()) for some, m in zip(members, means, strict=True) for x in some)
    spread /= len(labels) - way
    errors = [spread / len(some) for some in members]
    middle = sum(means) / way
    around = sum(float(((m - middle) ** 2).sum()) for m in means) / (way - 1)
    between = max(around - sum(errors) / way, 0.0)
    left = [(between + min(errors)) / (between + error) for error in errors]
    common = sum(w * m for w, m in zip(left, means, strict=True)) / sum(left)
    return torch.stack([common + w * (m - common) for w, m in zip(left, means, strict=True)])


@pytest.mark.parametrize("apart", [0.0, 1.0, 5.0])
def test_the_estimate_by_hand(apart: float) -> None:
    embedded, labels, _ = problem([1, 4, 9], episodes=3, apart=apart)
    found = shrunk_means(embedded, labels, 3)
    for t in range(3):
        torch.testing.assert_close(found[t], by_hand(embedded[t], labels[t], 3), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shot", [1, 2, 5])
def test_classes_of_one_size_keep_their_means_to_the_bit(shot: int) -> None:
    embedded, labels, _ = problem([shot] * 5, episodes=4)
    for kind in (torch.float32, torch.float64):
        own = embedded.to(kind)
        assert shrunk_means(own, labels, 5).equal(class_means(own, labels, 5))


def test_means_of_few_examples_come_nearer_to_those_of_their_classes() -> None:
    embedded, labels, true = problem([1, 1, 1, 10, 10, 10], dim=20, episodes=200)
    off = [
        ((found(embedded, labels, 6) - true) ** 2).sum(-1).mean(0) for found in (class_means, shrunk_means)
    ]
    assert (off[1][:3] < 0.7 * off[0][:3]).all()
    assert (off[1][3:] < 1.01 * off[0][3:]).all()  # the largest keep theirs


@pytest.mark.parametrize("learner", [Prototypical, SimpleShot])
def test_small_classes_are_answered_as_often_as_large_ones(learner: type[Prototypical | SimpleShot]) -> None:
    counts = [1, 1, 10, 10]
    embedded, labels, true = problem(counts, dim=30, episodes=100, apart=0.6)
    queries = true.repeat_interleave(5, dim=1)
    queries = queries + torch.randn(
        queries.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    encoder = nn.Identity()
    encoder.dim = 30
    own = torch.arange(4).repeat_interleave(5)

    def right(shrinkage: bool) -> tuple[float, float]:
        made = learner(encoder, shrinkage=shrinkage).double().eval()
        hits = (made(embedded, labels, queries, 4).argmax(-1) == own).double().mean(0)
        return float(hits[:10].mean()), float(hits[10:].mean())

    (small, large), (small_now, large_now) = right(False), right(True)
    assert small < large - 0.3
    assert abs(small_now - large_now) < 0.1
    assert small_now + large_now > small + large + 0.1


def test_an_episode_does_not_depend_on_its_company_nor_on_the_order_of_examples() -> None:
    embedded, labels, _ = problem([2, 3, 7], episodes=3)
    together = shrunk_means(embedded, labels, 3)
    mixed = torch.randperm(labels.shape[1], generator=torch.Generator().manual_seed(1))
    alone = shrunk_means(embedded[1:2, mixed], labels[1:2, mixed], 3)
    torch.testing.assert_close(alone[0], together[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("counts", [[1, 1], [1, 5], [2, 2, 9]])
@pytest.mark.parametrize("same", ["all", "each class"])
def test_without_spread_means_and_gradients_stay_finite(counts: list[int], same: str) -> None:
    embedded, labels, true = problem(counts)
    still = torch.zeros_like(embedded) if same == "all" else true[0, labels[0]].unsqueeze(0)
    still.requires_grad_()
    found = shrunk_means(still, labels, len(counts))
    torch.testing.assert_close(found, class_means(still, labels, len(counts)))
    found.square().sum().backward()
    assert still.grad is not None
    assert still.grad.isfinite().all()
