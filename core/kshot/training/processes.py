"""A group of processes that train together; a process alone is the group of one."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional.fitting import Fitting
from kshot.interfaces import Learner
from kshot.training.portions import Loss
from kshot.training.threads import Threads

T = TypeVar("T")


class Processes(ABC):
    """Processes that hold the same learner and go through the same training, step for step.

    Every process calls the same methods in the same order. An exception that a method meets in one
    process is raised in all of them, so that none waits for another that has given up.

    Attributes:
        leads: True in the process that scores, writes and tells; one of each group.
        count: of processes.
    """

    leads: bool
    count: int

    @abstractmethod
    def begin(self, learner: nn.Module, episodes: int) -> None:
        """Start a training, ``episodes`` of which are done: all processes with the same weights.

        Raises:
            CellError: the processes are not equally far.
        """

    @abstractmethod
    def gradients(self, learner: Learner, episodes: Episodes, loss: Loss, fitting: Fitting) -> Tensor:
        """The mean loss of a batch, its gradient in ``grad`` of the learner's parameters.

        Args:
            learner: its parameters have no gradients yet; its buffers end as if all episodes had
                passed here, in their order.
            episodes: the whole batch, the same in every process.
            loss: of part of the batch; differentiable.
            fitting: says how many of its episodes a process computes at once; the same in all of them.

        Raises:
            CellError: a single episode does not fit into memory.
        """

    @abstractmethod
    def clock(self) -> float:
        """Seconds, the same number in every process: what is due by the clock is due in all of them."""

    @abstractmethod
    def everywhere(self, function: Callable[[], T]) -> T:
        """Call ``function`` in every process; it must not call a method of the group."""

    @abstractmethod
    def first(self, function: Callable[[], T]) -> T:
        """Call ``function`` in the process that leads, and return its result, JSON values, in all."""

    @abstractmethod
    def leading(self) -> AbstractContextManager[None]:
        """In the process that leads: a block after which the others are let go."""

    @abstractmethod
    def call(self, name: str) -> None:
        """In the process that leads: let the others' :meth:`called` return ``name``."""

    @abstractmethod
    def called(self) -> str | None:
        """In the others: what the one that leads calls next; none: it is done."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group."""


@final
class Alone(Processes):
    """One process: every method does the plain thing."""

    leads = True
    count = 1

    def begin(self, learner: nn.Module, episodes: int) -> None:
        """Nothing to agree on."""
        self._threads = None

    def __init__(self) -> None:
        self._threads: Threads | None = None

    def gradients(self, learner: Learner, episodes: Episodes, loss: Loss, fitting: Fitting) -> Tensor:
        """Of all episodes at once, or of a share on each of several threads."""
        if self._threads is None:
            self._threads = Threads(learner, episodes, loss)
        return self._threads.gradients(episodes, fitting)

    def clock(self) -> float:
        """This process's."""
        return time.perf_counter()

    def everywhere(self, function: Callable[[], T]) -> T:
        """Here."""
        return function()

    def first(self, function: Callable[[], T]) -> T:
        """Here."""
        return function()

    def leading(self) -> AbstractContextManager[None]:
        """Nobody is to be let go."""
        return nullcontext()

    def call(self, name: str) -> None:
        """Nobody hears."""

    def called(self) -> str | None:
        """Nobody calls."""
        return None

    def close(self) -> None:
        """Nothing is open."""


def join_processes(device: torch.device) -> tuple[Processes, torch.device]:
    """The group that a launcher (``accelerate launch``, ``torchrun``) started this process in.

    Args:
        device: where to compute; any GPU stands for the one that this process is given.

    Returns:
        the group, this process alone where no launcher says otherwise, and the device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Alone(), device
    from kshot.training.together import join

    return join(device)
