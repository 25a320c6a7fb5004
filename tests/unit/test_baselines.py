"""SimpleShot, the linear probe and Baseline++ against scikit-learn and loops written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.learners.baseline_plus import BaselinePlusPlus
from kshot.learners.linear_probe import LinearProbe
from kshot.learners.logistic import fit_logistic
from kshot.learners.simpleshot import SimpleShot
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn


def identity(dim: int) -> nn.Module:
    encoder = nn.Identity()
    encoder.dim = dim
    return encoder


def problem(
    way: int, shots: list[int], dim: int, scale: float = 1.0, episodes: int = 3, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Support (T, S, dim), labels (T, S) in random order and queries (T, 7, dim), float64."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.full((n,), k) for k, n in enumerate(shots)])
    labels = torch.stack([labels[torch.randperm(len(labels), generator=generator)] for _ in range(episodes)])
    centres = torch.randn(episodes, way, dim, generator=generator, dtype=torch.float64)
    noise = torch.randn(episodes, len(labels[0]), dim, generator=generator, dtype=torch.float64)
    support = centres.gather(1, labels.unsqueeze(2).expand(-1, -1, dim)) + noise
    query = torch.randn(episodes, 7, dim, generator=generator, dtype=torch.float64)
    return scale * support, labels, scale * query


CASES: dict[str, Any] = {
    "binary": (2, [2, 2], 2, 1.0),
    "one shot": (5, [1] * 5, 64, 1.0),
    "unbalanced": (3, [1, 4, 9], 6, 2.0),
    "far apart": (4, [5] * 4, 16, 30.0),
    "close together": (4, [5] * 4, 3, 0.1),
    "wide": (5, [2] * 5, 500, 1.0),
    "more examples than dimensions": (3, [20] * 3, 2, 1.0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("c", [1.0, 0.1])
@pytest.mark.parametrize("balanced", [False, True])
def test_the_probe_is_scikit_learns_logistic_regression(case: str, c: float, balanced: bool) -> None:
    way, shots, dim, scale = CASES[case]
    support, labels, query = problem(way, shots, dim, scale)
    logits = LinearProbe(identity(dim), c=c, balanced=balanced).eval()(support, labels, query, way)
    for t in range(len(support)):
        weight = "balanced" if balanced else None
        theirs = LogisticRegression(C=c, class_weight=weight, solver="newton-cg", tol=1e-10, max_iter=1000)
        theirs.fit(support[t].numpy(), labels[t].numpy())
        wanted = theirs.predict_proba(query[t].numpy())
        np.testing.assert_allclose(logits[t].softmax(-1).numpy(), wanted, atol=1e-5)


def test_an_episode_does_not_depend_on_its_companions() -> None:
    support, labels, _ = problem(5, [3] * 5, 32, 4.0, episodes=6)
    targets = F.one_hot(labels, 5)
    c = torch.ones(labels.shape)
    together = fit_logistic(support, targets, c)
    for t in range(6):
        alone = fit_logistic(support[t : t + 1], targets[t : t + 1], c[t : t + 1])
        torch.testing.assert_close(alone.weight[0], together.weight[t], rtol=1e-9, atol=1e-11)


HARD: dict[str, Any] = {
    "far from the origin": (12, [6] * 12, 8, 30.0, 1.0, 5.0),
    "weak penalty": (16, [4] * 16, 64, 30.0, 100.0, 5.0),
    "many in few dimensions": (10, [8] * 10, 16, 30.0, 100.0, 0.0),
    "wide": (20, [2] * 20, 784, 30.0, 1.0, 0.0),
    "unbalanced": (5, [1, 2, 3, 20, 40], 64, 3.0, 1.0, 1.0),
}


@pytest.mark.parametrize("case", HARD)
def test_hard_problems_are_solved_to_rounding_and_alone_as_in_company(case: str) -> None:
    way, shots, dim, scale, c, shift = HARD[case]
    support, labels, _ = problem(way, shots, dim, episodes=3)
    support, targets = scale * (support + shift), F.one_hot(labels, way).double()
    strength = torch.full(labels.shape, c)
    fitted = fit_logistic(support, targets, strength)
    # At the optimum W = C Σ (y - p) x, and each class has its share of the probabilities.
    errors = targets - fitted.logits(support).softmax(-1)
    centred = support - support.mean(1, keepdim=True)
    size = fitted.weight.abs().max().item()
    torch.testing.assert_close(c * errors.mT @ centred, fitted.weight, rtol=0, atol=1e-5 * size)
    torch.testing.assert_close(errors.sum(1), torch.zeros(3, way).double(), rtol=0, atol=1e-9)
    for t in range(3):
        alone = fit_logistic(support[t : t + 1], targets[t : t + 1], strength[t : t + 1])
        torch.testing.assert_close(alone.weight[0], fitted.weight[t], rtol=0, atol=1e-9 * size)


def test_balancing_changes_nothing_where_classes_are_of_one_size() -> None:
    support, labels, query = problem(5, [3] * 5, 16)
    plain, balanced = (
        LinearProbe(identity(16), balanced=one).eval()(support, labels, query) for one in (False, True)
    )
    assert torch.equal(plain, balanced)


def test_a_class_of_one_example_is_answered_where_classes_are_balanced() -> None:
    support, labels, _ = problem(4, [1, 9, 9, 9], 32, scale=0.1, episodes=8)
    one = support[labels == 0].unsqueeze(1)
    plain, balanced = (
        LinearProbe(identity(32), balanced=each).eval()(support, labels, one) for each in (False, True)
    )
    assert (balanced.argmax(-1) == 0).all()
    assert (plain.argmax(-1) != 0).all()


def test_one_bad_episode_spoils_no_other() -> None:
    support, labels, query = problem(3, [4] * 3, 8)
    probe = LinearProbe(identity(8)).eval()
    wanted = probe(support, labels, query)
    support[1, 0, 0] = torch.nan
    found = probe(support, labels, query)
    assert found[1].isnan().all()
    torch.testing.assert_close(found[::2], wanted[::2], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("learner", [SimpleShot, LinearProbe, BaselinePlusPlus])
def test_autocast_and_inference_mode_change_nothing(learner: Any) -> None:
    support, labels, query = (
        x.float() if x.is_floating_point() else x for x in problem(5, [1, 2, 3, 4, 5], 32)
    )
    baseline = learner(identity(32)).eval()
    wanted = baseline(support, labels, query)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(baseline(support, labels, query), wanted)
    with torch.inference_mode():
        torch.testing.assert_close(baseline(support, labels, query), wanted)


@pytest.mark.parametrize("learner", [SimpleShot, LinearProbe])
def test_permuting_labels_permutes_a_baselines_logits(learner: Any) -> None:
    support, labels, query = problem(4, [1, 2, 3, 4], 8)
    order = torch.tensor([2, 0, 3, 1])
    baseline = learner(identity(8)).double().eval()
    permuted = baseline(support, order[labels], query, 4)[..., order]
    torch.testing.assert_close(permuted, baseline(support, labels, query, 4), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_embeddings_leave_the_probe_without_an_opinion(value: float) -> None:
    support, labels, query = (
        torch.full((2, 10, 8), value),
        torch.arange(5).repeat(2).expand(2, -1),
        torch.full((2, 4, 8), value),
    )
    logits = LinearProbe(identity(8)).eval()(support, labels, query)
    torch.testing.assert_close(logits.softmax(-1), torch.full_like(logits, 0.2))


def test_normalised_embeddings_have_no_length() -> None:
    support, labels, query = problem(3, [4] * 3, 8)
    probe = LinearProbe(identity(8), normalise=True).eval()
    torch.testing.assert_close(probe(support, labels, query), probe(5 * support, labels, 0.2 * query))


def test_simpleshot_by_hand() -> None:
    support, labels, query = problem(3, [1, 2, 3], 4, episodes=2)
    base = torch.randn(50, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 2
    learner = SimpleShot(identity(4)).double().eval()
    learner.begin(base, torch.zeros(50, dtype=torch.int64))
    logits = learner(support, labels, query, 3)

    def scaled(x: Tensor) -> Tensor:
        x = x - base.mean(0)
        return x / x.norm()

    for t in range(2):
        for q in range(7):
            for k in range(3):
                mean = torch.stack(
                    [scaled(x) for x, y in zip(support[t], labels[t], strict=True) if y == k]
                ).mean(0)
                wanted = -((scaled(query[t, q]) - mean) ** 2).sum()
                torch.testing.assert_close(logits[t, q, k], wanted, rtol=1e-9, atol=1e-9)


def test_baseline_plus_plus_is_sgd_on_a_cosine_classifier() -> None:
    support, labels, query = problem(3, [1, 2, 3], 6, episodes=2)
    learner = BaselinePlusPlus(identity(6), steps=20, seed=3).eval()
    found = learner(support, labels, query, 3)
    start = torch.randn(3, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    for t in range(2):
        rows = nn.Parameter(F.normalize(start, dim=1).clone())
        optimiser = torch.optim.SGD([rows], lr=0.1, momentum=0.9, weight_decay=0.001)
        for _ in range(20):
            logits = 10 * F.normalize(support[t], dim=1) @ F.normalize(rows, dim=1).T
            optimiser.zero_grad()
            F.cross_entropy(logits, labels[t]).backward()
            optimiser.step()
        wanted = 10 * F.normalize(query[t], dim=1) @ F.normalize(rows.detach(), dim=1).T
        torch.testing.assert_close(found[t], wanted, rtol=1e-9, atol=1e-9)


def test_baseline_plus_plus_fits_its_support_without_gradients_around_it() -> None:
    support, labels, _ = problem(5, [5] * 5, 32)
    with torch.no_grad():
        logits = BaselinePlusPlus(identity(32)).eval()(support, labels, support)
    assert (logits.argmax(-1) == labels).double().mean() > 0.95
