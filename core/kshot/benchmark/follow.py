"""What a process does that trains along with the one that runs the benchmark."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from kshot.benchmark.cell import train_cell
from kshot.benchmark.plan import Plan
from kshot.benchmark.run import surroundings
from kshot.errors import ProcessError
from kshot.training import Processes

log = logging.getLogger("kshot")


def follow_benchmark(plan: Plan, folder: Path, device: torch.device, processes: Processes) -> None:
    """Train along in every cell that the leading process calls; write and tell nothing.

    Args:
        plan: the same as in the leading process.
        folder: of the results, which all processes see: checkpoints are read from it.
        device: where this process computes.
        processes: all of them.

    Raises:
        ProcessError: another process is gone.
    """

    def silent(hook: str, **arguments: Any) -> None:
        del hook, arguments

    around = surroundings(plan, folder, device, silent, processes)
    cells = {cell.id: cell for cell in plan.cells}
    while (called := processes.called()) is not None:
        try:
            train_cell(cells[called], around)
        except ProcessError:
            raise
        except Exception:
            # The leading process has met it too, and tells of it.
            log.debug("%s failed", called, exc_info=True)
