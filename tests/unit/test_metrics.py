"""Metrics against plain loops; ties and intervals."""

from __future__ import annotations

import math

import pytest
import torch
from kshot.metrics import accuracy, cross_entropy, interval


def test_accuracy_counts_hits() -> None:
    logits = torch.tensor([[[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    labels = torch.tensor([[0, 1, 1], [1, 1, 1]])
    assert accuracy(logits, labels).tolist() == pytest.approx([2 / 3, 1.0])


def test_a_collapsed_model_scores_chance_whatever_the_labels() -> None:
    for label in range(4):
        assert accuracy(torch.zeros(1, 6, 4), torch.full((1, 6), label)).item() == pytest.approx(0.25)


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
