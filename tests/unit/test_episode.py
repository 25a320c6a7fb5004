"""The episode's own checks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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


@settings(max_examples=40)
@given(
    t=st.integers(1, 6),
    way=st.integers(2, 5),
    shots=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    queries=st.integers(1, 4),
    cut=st.integers(0, 6),
)
def test_slices_put_together_are_the_whole(
    t: int, way: int, shots: list[int], queries: int, cut: int
) -> None:
    """Whatever the number of blocks: cutting a batch of episodes and joining it loses nothing."""
    names = tuple(tuple(f"{i}-{k}" for k in range(way)) for i in range(t))
    whole = Episodes(
        tuple(block(t, way * shot, way) for shot in shots), (block(t, way * queries, way),), names
    )
    cut = min(cut, t)
    parts = [whole.slice(0, cut), whole.slice(cut, t)]
    assert sum(len(part) for part in parts) == len(whole) == t
    assert parts[0].classes + parts[1].classes == whole.classes
    for one, *halves in zip(whole.support, *(part.support for part in parts), strict=True):
        assert torch.equal(torch.cat([half.inputs["x"] for half in halves]), one.inputs["x"])
        assert torch.equal(torch.cat([half.labels for half in halves]), one.labels)
    assert whole.query_labels.shape == (t, way * queries)
