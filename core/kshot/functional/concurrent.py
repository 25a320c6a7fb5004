"""Computations that do not depend on each other, on the processor's cores: a thread each.

Two small networks on a core each take less time than one after the other with every operation split
over both cores, and none waits for the other where a program outside keeps one of them busy.
"""

from __future__ import annotations

import contextvars
import copy
import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from kshot.functional.chosen import chosen

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=nn.Module)

_CPU = torch.device("cpu")


def side_by_side(device: torch.device) -> int:
    """Threads that compute independent things on a device together; 1: they are computed in turn."""
    if device.type != "cpu" or chosen().concurrent is False:
        return 1
    return torch.get_num_threads()


def concurrently(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Map in order, each item by one thread alone, as many at a time as torch uses cores here.

    The threads see the caller's context variables, gradient mode and autocast. A single item is
    computed here, on all cores. What an item raises is raised once all have ended, of several errors
    that of the first item: nothing is still at work in what the caller then mends or throws away.

    Args:
        function: must change nothing that another call of it reads.
        items: their tensors are on the CPU.
    """
    listed = list(items)
    count = side_by_side(_CPU)
    if count < 2 or len(listed) < 2:
        return [function(item) for item in listed]
    state = _State.of_this_thread()
    context = contextvars.copy_context()

    def one(item: T) -> R:
        with state.entered():
            return function(item)

    # A context can be entered by one thread at a time.
    submitted = [_pool(count).submit(context.copy().run, one, item) for item in listed]
    wait(submitted)
    return [each.result() for each in submitted]


def in_turn(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The same numbers as :func:`concurrently` gives, one item after the other in this thread."""
    listed = list(items)
    with alone() if len(listed) > 1 else nullcontext():
        return [function(item) for item in listed]


@contextmanager
def alone() -> Generator[None]:
    """Compute inside on one core: for what is little beside the work of :func:`concurrently`.

    torch's own threads, once they were called for it, spin for a while in wait of more, on the cores
    that the others are to compute on next.
    """
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def replica(module: M) -> M:
    """A copy with buffers of its own around the same parameters.

    Functional calls put weights into a module for as long as they last, so that two threads cannot
    call the same one.
    """
    shared = {id(parameter): parameter for parameter in module.parameters()}
    return copy.deepcopy(module, shared)


class _State:
    """What torch keeps for each thread."""

    def __init__(self, grad: bool, inference: bool, autocast: bool, half: torch.dtype) -> None:
        self._grad, self._inference, self._autocast, self._half = grad, inference, autocast, half

    @classmethod
    def of_this_thread(cls) -> _State:
        return cls(
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_autocast_dtype("cpu"),
        )

    @contextmanager
    def entered(self) -> Generator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(self._inference))
            stack.enter_context(torch.set_grad_enabled(self._grad and not self._inference))
            stack.enter_context(torch.autocast("cpu", self._half, enabled=self._autocast))
            yield


_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}
_making = threading.Lock()


def _pool(count: int) -> ThreadPoolExecutor:
    """Threads of this process that compute on one core each; a forked child has none of its parent's."""
    with _making:
        key = (os.getpid(), count)
        if key not in _pools:
            together = threading.Barrier(count + 1)

            def begin() -> None:
                # Asked for the first time, a thread takes the number that was set last, by whomever.
                torch.get_num_threads()
                torch.set_num_threads(1)
                together.wait()

            pool = ThreadPoolExecutor(count, thread_name_prefix="kshot", initializer=begin)
            for _ in range(count):
                pool.submit(int)
            together.wait()
            # A thread's number is also what threads made later begin with.
            torch.set_num_threads(count)
            _pools[key] = pool
        return _pools[key]
