"""The interface of all engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from kshot import results
from kshot.benchmark.cell import Surroundings
from kshot.benchmark.plan import PlannedCell
from kshot.registry import Registry


class Engine(ABC):
    """Computes planned cells; what it is given and what it gives back does not tell where."""

    @abstractmethod
    def environment(self, registry: Registry, device: torch.device) -> dict[str, Any]:
        """Versions and machine that the cells' figures depend on.

        Raises:
            KshotError: it cannot compute what is asked for.
        """

    @abstractmethod
    def run(
        self, cells: Sequence[PlannedCell], around: Surroundings
    ) -> Iterator[tuple[PlannedCell, results.Cell]]:
        """Each cell with its result, or with an entry that says why there is none, as they end."""
