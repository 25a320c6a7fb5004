"""What timings must say before the shipped choice is given up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from kshot.benchmark.measuring import Choice, Knob
from kshot.benchmark.measuring.choosing import MARGIN, choose
from kshot.benchmark.measuring.works import Work
from kshot.config import StrategyEntry

CHUNK = Knob("chunk", 40, (10, 80))
TASKS = Knob("tasks", "loop", ("vmap",))
EMBED = Work("embed", lambda: None, 10.0, frozenset({"chunk"}))
TRAIN = Work("train", lambda: None, 1.0, frozenset({"tasks"}))


def chosen(seconds: Callable[[StrategyEntry], float], *knobs: Knob, works=(EMBED, TRAIN)) -> Choice:
    """The choice where a work takes what ``seconds`` says of the strategy, whichever work it is."""
    return choose(works, knobs, lambda work, entry: seconds(entry))


def test_the_clearly_fastest_is_taken() -> None:
    found = chosen(lambda entry: {10: 0.9, 80: 0.7}.get(entry.chunk, 1.0), CHUNK)
    assert found.entry == StrategyEntry(chunk=80)
    assert [(one.value, one.taken) for one in found.trials] == [(10, False), (80, True)]
    assert found.shipped == pytest.approx(11.0)
    assert found.seconds == pytest.approx(0.7 * 11.0)


def test_a_tie_keeps_the_shipped_choice() -> None:
    found = chosen(lambda entry: 1 - 0.9 * MARGIN if entry.chunk == 80 else 1.0, CHUNK)
    assert found.entry == StrategyEntry()
    assert found.seconds == found.shipped


def test_what_wins_now_and_then_does_not_win() -> None:
    noise: Iterator[float] = itertools.cycle([0.5, 0.5, 1.2])
    found = chosen(lambda entry: next(noise) if entry.chunk == 80 else 1.0, CHUNK)
    assert found.entry == StrategyEntry()


def test_a_drift_of_the_machine_is_nobodys_merit() -> None:
    clock = itertools.count(100)
    found = chosen(lambda entry: float(next(clock)), CHUNK)
    assert found.entry == StrategyEntry()


def test_each_knob_starts_from_where_the_last_one_was_left() -> None:
    def seconds(entry: StrategyEntry) -> float:
        return (0.5 if entry.tasks == "vmap" else 1.0) * (0.8 if entry.chunk == 10 else 1.0)

    found = chosen(seconds, TASKS, CHUNK)
    assert found.entry == StrategyEntry(tasks="vmap", chunk=10)
    assert found.seconds == pytest.approx(0.4 * found.shipped)


def test_a_knob_on_which_nothing_depends_is_not_tried() -> None:
    found = chosen(lambda entry: 0.1 if entry.tasks else 1.0, TASKS, works=(EMBED,))
    assert (found.entry, found.trials) == (StrategyEntry(), ())


def test_a_work_counts_as_often_as_a_run_does_it() -> None:
    both = frozenset({"tasks"})
    rare, often = Work("rare", lambda: None, 1.0, both), Work("often", lambda: None, 100.0, both)

    def clock(work: Work, entry: StrategyEntry) -> float:
        faster = entry.tasks == "vmap"
        return {"rare": 0.1 if faster else 1.0, "often": 1.2 if faster else 1.0}[work.name]

    assert choose((rare, often), [TASKS], clock).entry == StrategyEntry()
    assert choose((rare,), [TASKS], clock).entry == StrategyEntry(tasks="vmap")
