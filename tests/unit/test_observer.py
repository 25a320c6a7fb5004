"""When the shipped observer looks, and what it goes on from."""

from __future__ import annotations

from pathlib import Path

import torch
from kshot.benchmark.observer import LOOKS, Observer
from kshot.episode import Episodes
from kshot.functional.noting import Values
from kshot.results import Inside, Moment, read_entry, write_entry


def batch() -> Episodes:
    labels = torch.tensor([[0, 1]])
    return Episodes.of(torch.zeros(1, 2, 3), labels, torch.zeros(1, 2, 3), labels)


def train(observer: Observer, start: int, stop: int, total: int) -> None:
    """Batches of four episodes, each with one note."""
    for episodes in range(start, stop, 4):
        observer.kshot_batch_started("train", "2w1s", episodes, total, batch())
        observer.kshot_noted("any", Values(lambda at=episodes: {"at": torch.tensor(float(at))}))
        observer.kshot_batch_finished("train", torch.tensor(1.0))


def looks(path: Path) -> dict[int, float | None]:
    found = read_entry(path, Inside).moments
    assert len({one.episodes for one in found}) == len(found), "no moment is there twice"
    return {one.episodes: one.values["at"] for one in found}


def test_looks_are_spread_evenly_and_the_same_wherever_a_training_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "inside.json"
    train(Observer(path, "key"), 0, 400, 400)
    whole = path.read_bytes()
    assert len(looks(path)) == LOOKS
    for seen, checkpoint in ((48, 40), (52, 20), (200, 196), (396, 0)):
        path.unlink()
        train(Observer(path, "key"), 0, seen, 400)
        train(Observer(path, "key"), checkpoint, 400, 400)
        assert path.read_bytes() == whole


def test_what_is_computed_again_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "inside.json"
    stale = [
        Moment(stage="train", shape="2w1s", episodes=n, seen=4, values={"at": -1.0}) for n in (0, 20, 36)
    ]
    write_entry(path, Inside(training="key", moments=stale))
    train(Observer(path, "key"), 20, 40, 400)
    assert looks(path) == {0: -1.0, 20: 20.0, 36: 36.0}


def test_moments_of_another_training_are_none_of_this_one(tmp_path: Path) -> None:
    """Which begins where it left off, as one with ``train.start`` does."""
    path = tmp_path / "inside.json"
    train(Observer(path, "other"), 0, 200, 400)
    train(Observer(path, "key"), 200, 240, 400)
    assert min(looks(path)) == 200


def test_nothing_is_written_of_a_learner_that_notes_nothing(tmp_path: Path) -> None:
    observer = Observer(tmp_path / "inside.json", "key")
    observer.kshot_batch_started("train", "2w1s", 0, 400, batch())
    observer.kshot_batch_finished("train", torch.tensor(1.0))
    assert not list(tmp_path.iterdir())
