"""What processes that train together send one another."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, final

import torch
import torch.distributed as dist
from torch import Tensor

from kshot.errors import CellError, KshotError, ProcessError
from kshot.registry.report import reason as folded

STEP_TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others within a training step."""

WAIT_TIMEOUT = timedelta(days=2)
"""How long the others wait while the one that leads pretrains or scores. A process that dies is
noticed at once; this is for one that hangs."""


@final
class Messages:
    """Messages that every process takes part in, all in the same order.

    Raises:
        ProcessError: from every method, where another process is gone.

    Attributes:
        rank: number of this process, from 0.
        count: of processes.
    """

    def __init__(self) -> None:
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        # What is agreed on the CPU costs a GPU no wait.
        self._steps: Any = dist.new_group(backend="gloo", timeout=STEP_TIMEOUT)
        self._waits: Any = dist.new_group(backend="gloo", timeout=WAIT_TIMEOUT)

    def agree(
        self, failure: Exception | SystemExit | None, votes: Sequence[float], within_step: bool
    ) -> list[float]:
        """The least of each vote.

        Args:
            failure: what went wrong in this process; it is raised here, and told and raised elsewhere.
            votes: as many in every process.
            within_step: True where no process can be long.

        Raises:
            CellError: another process failed.
        """
        group = self._steps if within_step else self._waits
        numbers = torch.tensor([self.rank if failure else math.inf, *votes], dtype=torch.float64)
        with _answered():
            dist.all_reduce(numbers, dist.ReduceOp.MIN, group=group)
        first, *least = numbers.tolist()
        if not math.isfinite(first):
            return least
        told = self.say({"error": reason(failure)} if failure else {}, int(first))
        if failure:
            raise failure
        raise CellError(f"{told['error']} (in process {int(first) + 1} of {self.count})")

    def say(self, said: dict[str, Any], source: int = 0) -> dict[str, Any]:
        """JSON from one process to all; what the others say is not heard."""
        text = json.dumps(said).encode()
        size = torch.tensor([len(text)])
        with _answered():
            dist.broadcast(size, source, group=self._waits)
            data = torch.empty(int(size), dtype=torch.uint8)
            if self.rank == source:
                data = torch.frombuffer(bytearray(text), dtype=torch.uint8)
            dist.broadcast(data, source, group=self._waits)
        return json.loads(bytes(data.tolist()))

    def first_number(self, number: float) -> float:
        """The first process's number, in all."""
        told = torch.tensor([number], dtype=torch.float64)
        with _answered():
            dist.broadcast(told, 0, group=self._waits)
        return float(told)

    def sum(self, tensors: Iterable[Tensor]) -> None:
        """Put the sum over processes in place of each tensor, all of one type in one message."""
        for some in _by_type(tensors):
            flat = torch.cat([one.reshape(-1) for one in some])
            with _answered():
                dist.all_reduce(flat)
            _unflatten(flat, some)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put the first process's content in place of each tensor."""
        for some in _by_type(tensors):
            flat = torch.cat([one.detach().reshape(-1) for one in some])
            with _answered():
                dist.broadcast(flat, 0)
            _unflatten(flat, some)

    def close(self) -> None:
        """Leave every group; nothing can be said after.

        A group's threads end when nobody holds the group. One that lets its last message go while
        the interpreter ends would abort the process.
        """
        dist.destroy_process_group()
        del self._steps, self._waits


def reason(error: Exception | SystemExit) -> str:
    """An error for people: in one line, unless it is kshot's own, which may list several things."""
    return str(error) if isinstance(error, KshotError) else folded(error)


@contextmanager
def _answered() -> Generator[None]:
    """Say plainly that another process is gone, whatever the library calls it."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessError(
            f"a process that trains with this one ended, or gave no answer in {STEP_TIMEOUT.seconds // 60} "
            "minutes; its own message says why. Started again, the run goes on from its last checkpoint"
        ) from error


def _by_type(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    groups: dict[torch.dtype, list[Tensor]] = {}
    for one in tensors:
        if one.numel():
            groups.setdefault(one.dtype, []).append(one)
    return list(groups.values())


@torch.no_grad()
def _unflatten(flat: Tensor, into: Sequence[Tensor]) -> None:
    for one, part in zip(into, flat.split([one.numel() for one in into]), strict=True):
        one.copy_(part.view(one.shape))
