"""From timings to a choice: what wins clearly and again and again replaces the shipped table's, nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kshot.benchmark.measuring.works import Work
from kshot.config import StrategyEntry

ROUNDS = 5
"""How often each candidate takes its turn."""

MARGIN = 0.05
"""Share of the time that a candidate must save: less is a tie, and a tie changes nothing."""

Clock = Callable[[Work, StrategyEntry], float]
"""Seconds that a work takes, done once under a strategy."""


@dataclass(frozen=True)
class Knob:
    """A key of a strategy.

    Attributes:
        name: of the key.
        shipped: its value by the shipped table.
        others: what else it may be.
    """

    name: str
    shipped: object
    others: tuple[object, ...]


@dataclass(frozen=True)
class Trial:
    """A value that took its turns against the best until then.

    Attributes:
        knob: what it was tried for.
        value: the candidate.
        ratio: of its time to that of the best, the median of the rounds.
        taken: True where it took the best one's place.
    """

    knob: Knob
    value: object
    ratio: float
    taken: bool


@dataclass(frozen=True)
class Choice:
    """What is best for a cell.

    Attributes:
        entry: what differs from the shipped table.
        trials: all of them, in order.
        shipped: estimated seconds of a run's measured works under the shipped table.
        seconds: the same under ``entry``.
    """

    entry: StrategyEntry
    trials: tuple[Trial, ...]
    shipped: float
    seconds: float


def choose(works: Sequence[Work], knobs: Sequence[Knob], clock: Clock) -> Choice:
    """Turn one knob after the other, each from where the last one was left.

    Args:
        works: what a run consists of.
        knobs: what may be turned.
        clock: takes the time.
    """
    best, trials = StrategyEntry(), list[Trial]()
    for knob in knobs:
        concerned = [work for work in works if knob.name in work.depends]
        if not concerned or not knob.others:
            continue
        candidates = [best.model_copy(update={knob.name: value}) for value in knob.others]
        ratios = list(zip(*_rounds(concerned, [best, *candidates], clock), strict=True))[1:]
        fastest = min(range(len(ratios)), key=lambda number: statistics.median(ratios[number]))
        for number, (value, ratio) in enumerate(zip(knob.others, ratios, strict=True)):
            taken = number == fastest and _wins(ratio)
            trials.append(Trial(knob, value, statistics.median(ratio), taken))
        if _wins(ratios[fastest]):
            best = candidates[fastest]
    if best == StrategyEntry():
        seconds = _seconds(works, best, clock)
        return Choice(best, tuple(trials), seconds, seconds)
    together = [ratio for _, ratio in _rounds(works, [StrategyEntry(), best], clock)]
    seconds = _seconds(works, StrategyEntry(), clock)
    if not _wins(together):  # knobs that help one by one need not help together
        return Choice(StrategyEntry(), tuple(trials), seconds, seconds)
    return Choice(best, tuple(trials), seconds, seconds * statistics.median(together))


def _rounds(works: Sequence[Work], entries: Sequence[StrategyEntry], clock: Clock) -> list[tuple[float, ...]]:
    """Each round's time of every entry by that of the first; they take turns, now one way, now the other."""
    found: list[tuple[float, ...]] = []
    for number in range(ROUNDS):
        order = range(len(entries)) if number % 2 == 0 else reversed(range(len(entries)))
        seconds = {which: _seconds(works, entries[which], clock) for which in order}
        found.append(tuple(seconds[which] / seconds[0] for which in range(len(entries))))
    return found


def _seconds(works: Sequence[Work], entry: StrategyEntry, clock: Clock) -> float:
    return sum(work.times * clock(work, entry) for work in works)


def _wins(ratios: Sequence[float]) -> bool:
    """Faster by the margin, and in all rounds but one at most."""
    return statistics.median(ratios) <= 1 - MARGIN and sum(ratio < 1 for ratio in ratios) >= len(ratios) - 1
