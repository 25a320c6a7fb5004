"""What was said of every query, on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kshot.errors import KshotError
from kshot.outcomes import Outcomes, read_outcomes, write_outcomes


def outcomes(names: tuple[str, ...], queries: list[int]) -> Outcomes:
    total = sum(queries)
    generator = np.random.default_rng(0)
    return Outcomes(
        accuracy=generator.random(len(queries)),
        queries=np.asarray(queries),
        labels=generator.integers(0, len(names), total),
        predicted=generator.integers(0, len(names), total),
        rank=generator.integers(0, 3, total),
        confidence=generator.random(total).astype(np.float32),
        classes=names,
        tied=generator.integers(1, 4, total),
    )


def test_written_outcomes_are_read_as_they_were(tmp_path: Path) -> None:
    kept = [outcomes(("a", "β 🐈", "c/d"), [4, 4]), outcomes(("one", "two"), [3, 5, 2])]
    write_outcomes(tmp_path / "outcomes.npz", kept)
    for one, other in zip(read_outcomes(tmp_path / "outcomes.npz"), kept, strict=True):
        assert one.classes == other.classes
        for name in ("accuracy", "queries", "labels", "predicted", "rank", "confidence", "tied"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_file_that_was_written_before_ties_were_kept_is_read(tmp_path: Path) -> None:
    kept = outcomes(("a", "b"), [2, 3])
    write_outcomes(tmp_path / "outcomes.npz", [replace(kept, tied=None)])
    [one] = read_outcomes(tmp_path / "outcomes.npz")
    assert one.tied is None
    np.testing.assert_array_equal(one.rank, kept.rank)


def test_equal_outcomes_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one.npz", "other.npz"):
        write_outcomes(tmp_path / name, [outcomes(("a", "b"), [2])])
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_every_query_has_the_number_of_its_episode() -> None:
    assert outcomes(("a", "b"), [2, 0, 3]).episode.tolist() == [0, 0, 2, 2, 2]


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "outcomes.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KshotError, match=r"outcomes\.npz: cannot be read .*run the benchmark again"):
        read_outcomes(path)
