"""What a worker of a cluster does; it is handed plain values only, and plans for itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from kshot.benchmark.cell import Surroundings
from kshot.benchmark.engines.attempt import attempt
from kshot.benchmark.environment import environment
from kshot.benchmark.plan import make_plan
from kshot.errors import KshotError
from kshot.registry import load_registry

THREADS = 1
"""Of a cell: cells side by side would fight for more. Figures are the same to the bit only under
the same number."""


@dataclass(frozen=True)
class Job:
    """A benchmark, as every worker is told of it.

    Attributes:
        raw: the configuration as read.
        where: its name, for messages.
        folder: of the results, absolute.
        device: ``cpu`` or ``cuda``.
        cwd: what relative paths in the configuration start from.
        observe: look inside learners.
    """

    raw: dict[str, Any]
    where: str
    folder: str
    device: str
    cwd: str
    observe: bool = False


_latest: list[tuple[Job, Surroundings]] = []
"""The last job and what was made for it: a worker process serves many cells, and keeps their data."""


def describe(job: Job) -> dict[str, Any]:
    """The environment of this worker.

    Raises:
        KshotError: it does not see the results' folder.
    """
    _settle(job)
    return environment(load_registry(), torch.device(job.device))


def work(job: Job, cell: str, events: Any) -> dict[str, Any]:
    """Run one cell.

    Args:
        job: the benchmark.
        cell: the cell's id.
        events: a queue that takes a hook's name and arguments.

    Returns:
        its entry of results.json.

    Raises:
        KshotError: this worker cannot serve the job.
    """
    _settle(job)
    around = _surroundings(job)
    planned = next(one for one in around.plan.cells if one.id == cell)
    return attempt(planned, replace(around, notify=_teller(events))).model_dump(mode="json")


def _settle(job: Job) -> None:
    folder = Path(job.folder)
    if not folder.is_dir():
        raise KshotError(
            f"worker {os.uname().nodename} does not see {folder}; let --out be a folder that all machines share"
        )
    with contextlib.suppress(OSError):  # where it is not there, only relative paths are missed
        os.chdir(job.cwd)
    torch.set_num_threads(THREADS)


def _surroundings(job: Job) -> Surroundings:
    from kshot.benchmark.run import surroundings  # which imports the engines

    if not _latest or _latest[0][0] != job:
        plan = make_plan(job.raw, job.where, load_registry())
        around = surroundings(plan, Path(job.folder), torch.device(job.device), _unheard, observe=job.observe)
        _latest[:] = [(job, around)]
    return _latest[0][1]


def _unheard(hook: str, **arguments: Any) -> None:
    del hook, arguments


def _teller(events: Any) -> Callable[..., None]:
    """Sends run-time hooks to where the observers are; if they cannot be reached, the cell goes on."""

    def notify(hook: str, **arguments: Any) -> None:
        with contextlib.suppress(Exception):
            events.put((hook, arguments))

    return notify
