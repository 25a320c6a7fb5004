"""Several processes, each with a share of every batch's episodes; found by accelerate, joined by torch."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, final

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.errors import CellError, KshotError, ProcessError
from kshot.functional.norms import EpisodicBatchNorm, Noted, noting_statistics
from kshot.training.optimisation import trainable
from kshot.training.processes import Loss, Processes

T = TypeVar("T")

STEP_TIMEOUT = timedelta(minutes=10)
"""How long a process waits for the others within a training step."""

WAIT_TIMEOUT = timedelta(days=2)
"""How long the others wait while the one that leads pretrains or scores. A process that dies is
noticed at once; this is for one that hangs."""


def join(device: torch.device) -> tuple[Processes, torch.device]:
    """Join the processes that the launcher's environment variables tell of."""
    from accelerate import PartialState

    state = PartialState(cpu=device.type == "cpu", timeout=STEP_TIMEOUT)
    return Together(), torch.device(state.device or device)


@final
class Together(Processes):
    """Process r of W takes the episodes r, r + W, … of every batch.

    Each divides the sum of its episodes' losses by the number of episodes in the whole batch;
    gradients are then summed over processes, so every process clips and steps by the same
    numbers. Where a batch has too few episodes, a process passes one that another one has, and
    counts it as nothing: it makes the same calls as all others.

    No wrapper around the model: one would hide the functional calls of inner loops, and refuse
    parameters that a loss does not reach.
    """

    def __init__(self) -> None:
        self._rank, self.count = dist.get_rank(), dist.get_world_size()
        self.leads = self._rank == 0
        # What is agreed on the CPU costs a GPU no wait.
        self._steps: Any = dist.new_group(backend="gloo", timeout=STEP_TIMEOUT)
        self._waits: Any = dist.new_group(backend="gloo", timeout=WAIT_TIMEOUT)
        self._unseen = True

    def begin(self, learner: nn.Module, episodes: int) -> None:
        """Compare where the processes are, and take the leading one's weights."""
        least, most = self._least([episodes, -episodes], self._waits)
        if least != -most:
            raise CellError(
                f"one process goes on after {least:.0f} episodes, another after {-most:.0f}: their checkpoints "
                "differ; let all processes see one results folder"
            )
        self._spread([*learner.parameters(), *learner.buffers()])
        self._unseen = True

    def gradients(self, learner: nn.Module, episodes: Episodes, loss: Loss) -> Tensor:
        """Of this process's episodes, then of all."""
        total, parameters = len(episodes), trainable(learner)
        own = len(range(self._rank, total, self.count))
        mine = episodes.slice(self._rank, total, self.count) if own else episodes.slice(0, 1)
        value, statistics, failure = torch.zeros(()), dict[EpisodicBatchNorm, Tensor](), None
        counters = _Counters(learner)
        others = _fractions(learner) if self._unseen else {}
        try:
            with noting_statistics() as noted:
                value = loss(mine) * (own / total)
                value.backward()
            statistics = self._placed(learner, noted, len(mine), own, total)
            _refuse_changed(others)
        except Exception as error:
            failure = error
        reached = self._agreed(failure, [parameter.grad is not None for parameter in parameters])
        sums = [value.detach().clone()]
        for parameter in (one for one, some in zip(parameters, reached, strict=True) if some):
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            sums.append(parameter.grad)
        counted = counters.steps(own > 0)
        self._sum([*sums, *statistics.values(), *counted])
        counters.advance(counted)
        for norm, moments in statistics.items():  # which counts its batches itself
            norm.take_in(*moments.flatten(1, 2))
        self._unseen = False
        return sums[0]

    def clock(self) -> float:
        """That of the process that leads."""
        now = torch.tensor([time.perf_counter()], dtype=torch.float64)
        with _answered():
            dist.broadcast(now, 0, group=self._waits)
        return float(now)

    def everywhere(self, function: Callable[[], T]) -> T:
        """In each, and agree on whether it went well."""
        made: list[T] = []
        failure: Exception | None = None
        try:
            made.append(function())
        except Exception as error:
            failure = error
        self._agree(failure, [], self._waits)
        return made[0]

    def first(self, function: Callable[[], T]) -> T:
        """In the one that leads; the others hear what came of it."""
        if not self.leads:
            heard = self._hear()
            if "error" in heard:
                raise CellError(heard["error"])
            return heard["value"]
        try:
            value = function()
        except Exception as error:
            self._tell({"error": _reason(error)})
            raise
        self._tell({"value": value})
        return value

    @contextmanager
    def leading(self) -> Generator[None]:
        """Let the others go when the block ends, and when it fails in a way that they can hear of."""
        try:
            yield
        except ProcessError:
            raise
        except Exception:
            self._tell({"call": None})
            raise
        self._tell({"call": None})

    def call(self, name: str) -> None:
        """To all others."""
        self._tell({"call": name})

    def called(self) -> str | None:
        """From the one that leads."""
        return self._hear()["call"]

    def close(self) -> None:
        """Leave the group."""
        dist.destroy_process_group()

    def _placed(
        self, learner: nn.Module, noted: Noted, rows: int, own: int, total: int
    ) -> dict[EpisodicBatchNorm, Tensor]:
        """Per norm (2, passes, T, C): what its passes noted, this process's in the places of its episodes."""
        placed: dict[EpisodicBatchNorm, Tensor] = {}
        for norm in learner.modules():
            if not isinstance(norm, EpisodicBatchNorm) or norm not in noted:
                continue
            moments = torch.stack([torch.cat(part) for part in zip(*noted[norm], strict=True)])
            moments = moments.unflatten(1, (-1, rows))
            whole = moments.new_zeros(2, moments.shape[1], total, moments.shape[3])
            if own:
                whole[:, :, self._rank :: self.count] = moments
            placed[norm] = whole
        return placed

    def _agreed(self, failure: Exception | None, reached: Sequence[bool]) -> list[bool]:
        """Whether any process's loss reached a parameter, for each."""
        votes = self._agree(failure, [-float(one) for one in reached], self._steps)
        return [vote < 0 for vote in votes]

    def _agree(self, failure: Exception | None, votes: list[float], group: Any) -> list[float]:
        """The least of each vote; or raise where a process failed, in all of them."""
        first, *least = self._least([self._rank if failure else math.inf, *votes], group)
        if not math.isfinite(first):
            return least
        told = self._broadcast({"error": _reason(failure)} if failure else {}, int(first))
        if failure:
            raise failure
        raise CellError(f"{told['error']} (in process {int(first) + 1} of {self.count})")

    def _least(self, numbers: list[float], group: Any) -> list[float]:
        votes = torch.tensor(numbers, dtype=torch.float64)
        with _answered():
            dist.all_reduce(votes, dist.ReduceOp.MIN, group=group)
        return votes.tolist()

    def _sum(self, tensors: Iterable[Tensor]) -> None:
        """Put the sum over processes in place of each tensor, all of one type in one message."""
        for some in _by_type(tensors):
            flat = torch.cat([one.reshape(-1) for one in some])
            with _answered():
                dist.all_reduce(flat)
            _unflatten(flat, some)

    def _spread(self, tensors: Iterable[Tensor]) -> None:
        """Put the leading process's content in place of each tensor."""
        for some in _by_type(tensors):
            flat = torch.cat([one.detach().reshape(-1) for one in some])
            with _answered():
                dist.broadcast(flat, 0)
            _unflatten(flat, some)

    def _tell(self, said: dict[str, Any]) -> None:
        self._broadcast(said, 0)

    def _hear(self) -> dict[str, Any]:
        return self._broadcast({}, 0)

    def _broadcast(self, said: dict[str, Any], source: int) -> dict[str, Any]:
        """JSON from one process to all."""
        speaks = self._rank == source
        text = json.dumps(said).encode()
        size = torch.tensor([len(text)])
        with _answered():
            dist.broadcast(size, source, group=self._waits)
            data = torch.frombuffer(bytearray(text), dtype=torch.uint8) if speaks else None
            data = torch.empty(int(size), dtype=torch.uint8) if data is None else data
            dist.broadcast(data, source, group=self._waits)
        return json.loads(bytes(data.tolist()))


class _Counters:
    """Whole numbers that a learner counts up in training, as buffers."""

    def __init__(self, learner: nn.Module) -> None:
        self._counters = [
            one for one in learner.buffers() if not _fractional(one) and one.dtype != torch.bool
        ]
        self._before = [one.clone() for one in self._counters]

    def steps(self, counts: bool) -> list[Tensor]:
        """How far each went; nothing where the episodes of this process do not count."""
        return [(one - before) * counts for one, before in zip(self._counters, self._before, strict=True)]

    def advance(self, steps: Sequence[Tensor]) -> None:
        """Let each go as far as all processes say."""
        for one, before, step in zip(self._counters, self._before, steps, strict=True):
            one.copy_(before + step)


def _fractional(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _fractions(learner: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """Every buffer that is no counter, and a copy of it."""
    return {name: (one, one.clone()) for name, one in learner.named_buffers() if _fractional(one)}


def _refuse_changed(buffers: dict[str, tuple[Tensor, Tensor]]) -> None:
    """Raise where a buffer is no longer its copy: how processes would share that is not known."""
    for name, (one, before) in buffers.items():
        if not torch.allclose(one, before, rtol=0, atol=0, equal_nan=True):
            raise CellError(
                f"'{name}' changes with every batch, in a way that several processes cannot share; "
                "run in one process"
            )


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


def _reason(error: Exception | None) -> str:
    return str(error) if isinstance(error, KshotError) else f"{type(error).__name__}: {error}"


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
