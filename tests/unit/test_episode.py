"""The episode's own checks."""

from __future__ import annotations

import pytest
import torch
from kshot.episode import Episodes, Examples


def block(t: int = 2, n: int = 6, way: int = 3) -> Examples:
    return Examples(
        {"x": torch.arange(t * n * 4.0).reshape(t, n, 4)}, torch.arange(t * n).reshape(t, n) % way, way
    )


NAMES = (("a", "b", "c"), ("d", "e", "f"))


def test_an_episode_knows_its_measures() -> None:
    episodes = Episodes((block(),), (block(n=9),), NAMES)
    assert (len(episodes), episodes.way) == (2, 3)
    assert episodes.query_labels.shape == (2, 9)
    part = episodes.slice(1, 2)
    assert part.classes == (("d", "e", "f"),)
    assert torch.equal(part.support[0].inputs["x"], episodes.support[0].inputs["x"][1:])


def test_blocks_of_two_modalities_are_joined_in_order() -> None:
    a, b = block(n=3), block(n=6)
    episodes = Episodes((a,), (a, b), NAMES)
    assert torch.equal(episodes.query_labels, torch.cat([a.labels, b.labels], dim=1))
    assert len(episodes.query_inputs) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Examples({"x": torch.zeros(2, 5, 4)}, torch.zeros(2, 6, dtype=torch.int64), 3),
            "input 'x' is",
        ),
        (lambda: Examples({"x": torch.zeros(2, 6)}, torch.zeros(2, 6), 3), "int64"),
        (lambda: Examples({"x": torch.zeros(6)}, torch.zeros(6, dtype=torch.int64), 3), r"\(T, n\)"),
        (lambda: Examples({}, torch.zeros(2, 6, dtype=torch.int64), 3), "at least one input"),
        (lambda: block(way=1), "two classes"),
        (lambda: Episodes((), (block(),), NAMES), "at least one support"),
        (lambda: Episodes((block(t=1),), (block(),), NAMES), "number of episodes"),
        (lambda: Episodes((block(),), (block(way=2),), NAMES), "disagree on the way"),
    ],
)
def test_malformed_episodes_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
