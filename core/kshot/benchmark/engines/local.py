"""The local engine: one cell after the other, here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, final

import torch

from kshot import results
from kshot.benchmark.cell import Surroundings
from kshot.benchmark.engines.attempt import attempt
from kshot.benchmark.engines.engine import Engine
from kshot.benchmark.environment import environment
from kshot.benchmark.plan import PlannedCell
from kshot.registry import Registry
from kshot.training import Alone, Processes


@final
class Local(Engine):
    """A loop.

    Args:
        processes: that train each cell together; this one leads them.
    """

    def __init__(self, processes: Processes | None = None) -> None:
        self._processes = processes or Alone()

    def environment(self, registry: Registry, device: torch.device) -> dict[str, Any]:
        """Of this machine, and how many processes share each training where it is not one."""
        described = environment(registry, device)
        return described if self._processes.count == 1 else {**described, "processes": self._processes.count}

    def run(
        self, cells: Sequence[PlannedCell], around: Surroundings
    ) -> Iterator[tuple[PlannedCell, results.Cell]]:
        """In their order; the other processes are called to each."""
        together = replace(around, processes=self._processes)
        for cell in cells:
            self._processes.call(cell.id)
            yield cell, attempt(cell, together)
