"""Which strategy is the fastest on this machine, for each learner with each encoder on each source."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from kshot.benchmark.data import Data
from kshot.benchmark.measuring.choosing import Choice, Clock, Knob, Trial, choose
from kshot.benchmark.measuring.works import Bench, Work
from kshot.benchmark.patterns import matches
from kshot.benchmark.plan import Plan, PlannedCell
from kshot.config import Strategies, StrategyEntry
from kshot.functional import following, side_by_side
from kshot.functional.embedding import CHUNK
from kshot.functional.strategy import choose as by_table
from kshot.learners.inner_loop import InnerLoopLearner

__all__ = ["Choice", "Knob", "Measured", "Trial", "measure", "replaced"]

CHUNKS = (10, 20, 40, 80, 160, 320)
"""Candidates for the examples that pass an encoder together."""

SECONDS = 0.1
"""What a turn takes at least; shorter works are repeated."""


@dataclass(frozen=True)
class Measured:
    """What was found for all seeds of a learner with an encoder on a source.

    Attributes:
        pattern: of the ids of these cells.
        choice: what is best there.
    """

    pattern: str
    choice: Choice


def measure(plan: Plan, device: torch.device) -> Iterator[Measured]:
    """Measure the selected cells of a plan, one seed of each.

    Raises:
        KshotError: a cell cannot be built.
    """
    data = Data(plan.configuration, device)
    firsts: dict[tuple[str, ...], PlannedCell] = {}
    for cell in plan.to_run():
        firsts.setdefault(cell.parts[:3], cell)
    devices = [device] if device.type == "cuda" else []
    for parts, cell in firsts.items():
        with torch.random.fork_rng(devices):
            torch.manual_seed(cell.seed)
            bench = Bench(cell, data, device)
            choice = choose(bench.works(), _knobs(bench, device), _clock(device))
        yield Measured(".".join((*parts, "*")), choice)


def replaced(plan: Plan, device: torch.device, found: Mapping[str, StrategyEntry]) -> Strategies:
    """The plan's strategies, on a type of device, with those of the measured cells replaced.

    Args:
        plan: whose selected cells were measured.
        device: on which.
        found: by pattern; an empty entry leaves its cells to the shipped table.
    """
    measured = [cell.parts for cell in plan.to_run()]
    before = plan.configuration.strategy.of(device.type).items()
    kept = {
        pattern: entry for pattern, entry in before if not any(matches(one, [pattern]) for one in measured)
    }
    new = {pattern: entry for pattern, entry in found.items() if entry != StrategyEntry()}
    return plan.configuration.strategy.model_copy(update={device.type: {**kept, **new}})


def _knobs(bench: Bench, device: torch.device) -> list[Knob]:
    """What may be turned for a learner, an encoder and its inputs on a device."""
    knobs: list[Knob] = []
    learner = bench.learner
    if isinstance(learner, InnerLoopLearner) and learner.strategies:
        shipped = "vmap" if by_table("auto", learner.encoder, device, 0).vmap else "loop"
        knobs.append(Knob("tasks", shipped, tuple(one for one in learner.strategies if one != shipped)))
    if side_by_side(device) > 1:
        knobs.append(Knob("concurrent", True, (False,)))
    if bench.pictures:
        knobs.append(Knob("channels_last", True, (False,)))
    if device.type == "cpu":
        knobs.append(Knob("chunk", CHUNK, tuple(one for one in CHUNKS if one != CHUNK)))
    return knobs


def _clock(device: torch.device) -> Clock:
    """A clock that repeats what is short; it asks once, unheard, for whatever it is asked for the first time."""
    repeats: dict[Work, int] = {}
    warm: set[tuple[Work, StrategyEntry]] = set()

    def timed(work: Work, count: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            work.do()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return (time.perf_counter() - started) / count

    def clock(work: Work, entry: StrategyEntry) -> float:
        with following(entry):
            if (work, entry) not in warm:
                timed(work, 1)
                warm.add((work, entry))
            if work not in repeats:
                repeats[work] = max(1, math.ceil(SECONDS / timed(work, 1)))
            return timed(work, repeats[work])

    return clock
