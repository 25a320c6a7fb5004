"""Metrics against plain loops; ties and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from kshot.metrics import accuracy, cross_entropy, equal_error_rate, hits, interval
from kshot.statistics import difference
from scipy.optimize import brentq
from sklearn.metrics import roc_curve


def test_accuracy_counts_hits() -> None:
    logits = torch.tensor([[[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    labels = torch.tensor([[0, 1, 1], [1, 1, 1]])
    assert accuracy(logits, labels).tolist() == pytest.approx([2 / 3, 1.0])


def test_a_collapsed_model_scores_chance_whatever_the_labels() -> None:
    for label in range(4):
        assert accuracy(torch.zeros(1, 6, 4), torch.full((1, 6), label)).item() == pytest.approx(0.25)


@pytest.mark.parametrize("way", [3, 5, 20])
def test_a_share_of_a_tie_is_a_fraction_to_the_last_bit(way: int) -> None:
    labels = torch.arange(way).expand(6, -1)
    tied = hits(torch.zeros(6, way, way), labels)
    np.testing.assert_array_equal(tied.numpy(), 1 / np.full((6, way), way))
    # Always the first class: right once in every episode, and no better than a guess.
    first = accuracy(torch.eye(way)[0].expand(6, way, way), labels).numpy()
    found = difference(tied.mean(dim=-1).numpy(), first)
    assert (found.mean, found.p) == (0, 1)


def test_cross_entropy_against_its_formula() -> None:
    logits = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(15).reshape(3, 5) % 4
    expected = [
        -sum(math.log(torch.softmax(logits[t, q], 0)[labels[t, q]].item()) for q in range(5)) / 5
        for t in range(3)
    ]
    assert cross_entropy(logits, labels).tolist() == pytest.approx(expected, rel=1e-5)


def test_interval_is_the_normal_one() -> None:
    values = torch.tensor([0.2, 0.4, 0.9, 0.5], dtype=torch.float64)
    found = interval(values)
    mean = 0.5
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values.tolist()) / 3)
    assert found.mean == pytest.approx(mean)
    assert found.ci95 == pytest.approx(1.96 * deviation / 2)


def test_not_a_number_is_not_an_accuracy() -> None:
    assert math.isnan(accuracy(torch.full((1, 2, 3), math.nan), torch.zeros(1, 2, dtype=torch.int64)).item())


@pytest.mark.parametrize("scale", [0.0, 0.5, 3.0, 300.0])
@pytest.mark.parametrize("way", [2, 5])
def test_equal_error_rate_against_scikit_learn(way: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(way)
    labels = torch.randint(way, (4, 12), generator=generator)
    logits = torch.randn(4, 12, way, generator=generator).double()
    logits = scale * (logits + torch.nn.functional.one_hot(labels, way)).round(decimals=1)  # with ties
    for found, own, right in zip(equal_error_rate(logits, labels), logits, labels, strict=True):
        claims = own.log_softmax(dim=-1).flatten()
        accepted, recalled, _ = roc_curve(
            torch.nn.functional.one_hot(right, way).flatten(), claims, drop_intermediate=False
        )
        expected = brentq(lambda x, a=accepted, r=recalled: 1 - x - np.interp(x, a, r), 0.0, 1.0)
        assert found.item() == pytest.approx(expected, abs=1e-9)


def test_equal_error_rate_of_the_perfect_and_of_the_collapsed() -> None:
    labels = torch.arange(6).reshape(1, 6) % 3
    assert equal_error_rate(10.0 * torch.nn.functional.one_hot(labels, 3), labels).tolist() == [0.0]
    assert equal_error_rate(-10.0 * torch.nn.functional.one_hot(labels, 3), labels).tolist() == [1.0]
    assert equal_error_rate(torch.zeros(1, 6, 3), labels).item() == pytest.approx(0.5)


def test_equal_error_rate_does_not_see_what_all_logits_share() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 10, 5, generator=generator).double()
    labels = torch.randint(5, (3, 10), generator=generator)
    shifted = logits + 100 * torch.randn(3, 10, 1, generator=generator).double()
    torch.testing.assert_close(equal_error_rate(shifted, labels), equal_error_rate(logits, labels))
