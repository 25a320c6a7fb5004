"""From what is seen of a batch to the hooks, in the process that computes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from torch import Tensor

from kshot.episode import Episodes
from kshot.functional.noting import Values, Watcher


@final
class Watching(Watcher):
    """Calls the hooks that are inside a computation.

    Args:
        notify: calls a run-time hook by name, and never raises.
        cell: the cell's identifier.
        stage: ``train``, ``validate`` or ``evaluate``.
        shape: of the episodes.
    """

    def __init__(self, notify: Callable[..., None], cell: str, stage: str, shape: str) -> None:
        self._notify = notify
        self._cell, self._stage, self._shape = cell, stage, shape

    def batch_started(self, batch: Episodes, episodes: int, total: int) -> None:
        """By ``kshot_batch_started``."""
        self._notify(
            "kshot_batch_started",
            cell=self._cell,
            stage=self._stage,
            shape=self._shape,
            episodes=episodes,
            total=total,
            batch=batch,
        )

    def inner_step(self, step: int, values: Values) -> None:
        """By ``kshot_inner_step``."""
        self._notify("kshot_inner_step", cell=self._cell, stage=self._stage, step=step, values=values)

    def noted(self, name: str, values: Values) -> None:
        """By ``kshot_noted``."""
        self._notify("kshot_noted", cell=self._cell, stage=self._stage, name=name, values=values)

    def batch_finished(self, loss: Tensor) -> None:
        """By ``kshot_batch_finished``."""
        self._notify("kshot_batch_finished", cell=self._cell, stage=self._stage, loss=loss)
