"""What every metric must do, checked on any of them.

Each check is a plain function ``check(metric)``: ``metric(logits (T, Q, way), labels (T, Q)) -> (T,)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from kshot.testing.expectations import expect, expect_close, expect_finite

Metric = Callable[[Tensor, Tensor], Tensor]

SHAPES = ((3, 7, 4), (1, 1, 2), (2, 15, 5))
"""T, Q, way."""

ROUNDING = 1e-5
"""Relative and absolute tolerance of two ways of computing the same: logits are float32, as a run's are, and
a sum of them rounds by the order of its terms, in whatever type the value is given."""


def check_shapes(metric: Metric) -> None:
    """(T, Q, way) logits and (T, Q) labels make (T,) finite floating-point values, for perfect logits,
    equal ones and classes that nobody asked for, too."""
    for count, queries, way in SHAPES:
        logits, labels = _drawn(count, queries, way)
        cases = {
            "logits at random": logits,
            "perfect logits": 30 * torch.nn.functional.one_hot(labels, way).to(logits),
            "equal logits": torch.zeros_like(logits),
        }
        for what, case in cases.items():
            _expect_values(metric(case, labels), count, what, metric)
        _expect_values(metric(logits, torch.zeros_like(labels)), count, "one class alone", metric)


def check_episodes_apart(metric: Metric) -> None:
    """An episode's value is the same alone and in a batch."""
    logits, labels = _drawn(4, 9, 3)
    alone = torch.cat([metric(logits[t : t + 1], labels[t : t + 1]) for t in range(4)])
    mend = "reduce over the queries of one episode only"
    _expect_same(metric(logits, labels), alone, metric, "an episode's value depends on others", mend)


def check_order(metric: Metric) -> None:
    """Queries in another order, and classes numbered otherwise, have the same value."""
    logits, labels = _drawn(4, 9, 3)
    expected = metric(logits, labels)
    generator = torch.Generator().manual_seed(5)
    order = torch.randperm(9, generator=generator)
    turned = metric(logits[:, order], labels[:, order])
    mend = "treat all queries and classes alike"
    _expect_same(turned, expected, metric, "the order of the queries changes the value", mend)
    renumbered = torch.tensor([2, 0, 1])
    other = metric(logits[:, :, renumbered.argsort()], renumbered[labels])
    _expect_same(other, expected, metric, "classes numbered otherwise change the value", mend)


def check_changes_nothing(metric: Metric) -> None:
    """Logits and labels stay as they were, and the same give the same again."""
    logits, labels = _drawn(3, 7, 4)
    before = (logits.clone(), labels.clone())
    first = metric(logits, labels)
    kept = torch.equal(logits, before[0]) and torch.equal(labels, before[1])
    expect(kept, _who(metric), "it writes into what it is given", "work on copies")
    same = torch.equal(metric(logits, labels).nan_to_num(), first.nan_to_num())
    expect(same, _who(metric), "it gives two values for one episode", "draw from no random state")


METRIC_CHECKS: Mapping[str, Callable[[Metric], None]] = MappingProxyType(
    {
        "shapes": check_shapes,
        "episodes_apart": check_episodes_apart,
        "order": check_order,
        "changes_nothing": check_changes_nothing,
    }
)
"""Name → check, in the order in which a report shows them."""


def _drawn(count: int, queries: int, way: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    logits = torch.randn(count, queries, way, generator=generator)
    return logits, torch.randint(way, (count, queries), generator=generator)


def _expect_values(values: Tensor, count: int, what: str, metric: Metric) -> None:
    found = f"{what} give {tuple(values.shape)} {values.dtype}"
    right = tuple(values.shape) == (count,) and values.is_floating_point()
    expect(right, _who(metric), found, f"give a value for each of the {count} episodes")
    expect_finite(values, _who(metric), f"{what} give NaN or infinity", "guard divisions and logarithms")


def _expect_same(actual: Tensor, expected: Tensor, metric: Metric, what: str, mend: str) -> None:
    expect_close(actual, expected, _who(metric), what, mend, rtol=ROUNDING, atol=ROUNDING)


def _who(metric: Metric) -> str:
    return getattr(metric, "__name__", type(metric).__name__)
