"""Notes: what a learner tells of its inside to whoever watches.

A note is a function that gives tensors. It is called only where somebody watches and asks for
them, so a learner may note as much as it likes: unwatched, a note costs a look at a variable.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import final

import torch
from torch import Tensor

from kshot.episode import Episodes
from kshot.functional.shares import share


@final
class Values:
    """Noted tensors by name, computed at the first call and not before.

    They are detached. Computing them leaves the random state as it was, so a network that
    draws (dropout) may be passed for a note.

    Attributes:
        episodes: of the batch, those that the values are of: all, or a share that is computed by itself.
    """

    def __init__(self, compute: Callable[[], Mapping[str, Tensor]]) -> None:
        self.episodes = share()
        self._compute = compute
        self._computed: Mapping[str, Tensor] | None = None
        self._open = True

    def __call__(self) -> Mapping[str, Tensor]:
        """The tensors.

        Raises:
            RuntimeError: the call that brought them has ended: what they are made of is gone on.
        """
        if not self._open:
            raise RuntimeError("noted values are there only while the hook that brings them is called")
        if self._computed is None:
            devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
            with torch.no_grad(), torch.random.fork_rng(devices), unwatched():
                self._computed = {name: value.detach() for name, value in self._compute().items()}
        return self._computed

    def close(self) -> None:
        """From here on nobody may ask."""
        self._open = False


class Watcher(ABC):
    """Sees batches of episodes computed, and what a learner notes meanwhile."""

    @abstractmethod
    def batch_started(self, batch: Episodes, episodes: int, total: int) -> None:
        """A batch is about to be passed.

        Args:
            batch: its episodes, not to be changed.
            episodes: done before it.
            total: to be done.
        """

    @abstractmethod
    def inner_step(self, step: int, values: Values) -> None:
        """The learner took an inner step; steps count from 0."""

    @abstractmethod
    def noted(self, name: str, values: Values) -> None:
        """The learner noted something else."""

    @abstractmethod
    def batch_finished(self, loss: Tensor) -> None:
        """The batch is done, in training its gradient step too; ``loss`` is its mean, a detached scalar."""


_watcher: ContextVar[Watcher | None] = ContextVar("kshot_watcher", default=None)


@contextmanager
def watched(watcher: Watcher | None) -> Generator[None]:
    """Let ``watcher`` see what is noted inside the block (this thread only)."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def unwatched() -> Generator[None]:
    """Let nobody see what is noted inside the block.

    What ``torch.func`` transforms is such a place: its tensors mean nothing outside of it. What a
    watcher shall see must be among the results.
    """
    if _watcher.get() is None:
        yield
        return
    with watched(None):
        yield


def is_watched() -> bool:
    """True where notes are seen; for a learner that must keep something for a later note."""
    return _watcher.get() is not None


def note(name: str, compute: Callable[[], Mapping[str, Tensor]]) -> None:
    """Tell tensors to whoever watches.

    Args:
        name: of the whole, such as ``attention``.
        compute: gives them by names of their own; called if at all before this returns.
    """
    watcher = _watcher.get()
    if watcher is not None:
        values = Values(compute)
        watcher.noted(name, values)
        values.close()


def note_step(step: int, compute: Callable[[], Mapping[str, Tensor]]) -> None:
    """Tell of an inner step to whoever watches.

    Args:
        step: from 0; step k starts from the weights after k steps.
        compute: gives tensors (T, …) by name; called if at all before this returns.
    """
    watcher = _watcher.get()
    if watcher is not None:
        values = Values(compute)
        watcher.inner_step(step, values)
        values.close()
