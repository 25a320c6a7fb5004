"""Several processes, each with a share of every batch's episodes; found by accelerate, joined by torch."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar, final

import torch
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.errors import CellError, ProcessError
from kshot.functional.fitting import Fitting
from kshot.functional.norms import EpisodicBatchNorm
from kshot.interfaces import Learner
from kshot.training.messages import STEP_TIMEOUT, Messages, reason
from kshot.training.optimisation import trainable
from kshot.training.portions import Loss, Taken, accumulate, counts
from kshot.training.processes import Processes

T = TypeVar("T")


def join(device: torch.device) -> tuple[Processes, torch.device]:
    """Join the processes that the launcher's environment variables tell of."""
    # Its functions take the group of the time of their import as a default, and would hold it for ever.
    importlib.import_module("torch.distributed.nn")
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
        self._messages = Messages()
        self._rank, self.count = self._messages.rank, self._messages.count
        self.leads = self._rank == 0
        self._unseen = True

    def begin(self, learner: nn.Module, episodes: int) -> None:
        """Compare where the processes are, and take the leading one's weights."""
        least, most = self._messages.agree(None, [episodes, -episodes], within_step=False)
        if least != -most:
            raise CellError(
                f"one process goes on after {least:.0f} episodes, another after {-most:.0f}: their checkpoints "
                "differ; let all processes see one results folder"
            )
        self._messages.spread([*learner.parameters(), *learner.buffers()])
        self._unseen = True

    def gradients(self, learner: Learner, episodes: Episodes, loss: Loss, fitting: Fitting) -> Tensor:
        """Of this process's episodes, then of all."""
        total, parameters = len(episodes), trainable(learner)
        own = range(self._rank, total, self.count)
        mine, weight = own or range(1), len(own) / total
        value, statistics, failure = torch.zeros(()), dict[EpisodicBatchNorm, Tensor](), None
        counters = _Counters(learner)
        others = _fractions(learner) if self._unseen else {}

        def compute(portions: Sequence[range]) -> tuple[Tensor, Taken]:
            places = [mine[portion.start : portion.stop] for portion in portions]
            return accumulate(learner, episodes, places, loss, weight)

        def undo() -> None:
            counters.put_back()
            learner.zero_grad(set_to_none=True)

        try:
            value, taken = fitting(len(mine), compute, undo)
            statistics = self._placed(learner, taken, own, total)
            _refuse_changed(others)
        except (Exception, SystemExit) as error:
            failure = error
        # A parameter that no process's loss reaches has no gradient, as in one process.
        without = [float(parameter.grad is None) for parameter in parameters]
        most, *without = self._messages.agree(failure, [fitting.most or math.inf, *without], within_step=True)
        fitting.limit(None if math.isinf(most) else int(most))
        sums = [value.clone()]
        for parameter in (one for one, none in zip(parameters, without, strict=True) if not none):
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            sums.append(parameter.grad)
        counted = counters.steps(bool(own))
        self._messages.sum([*sums, *statistics.values(), *counted])
        counters.advance(counted)
        for norm, moments in statistics.items():  # which counts its batches itself
            norm.take_in(*moments.flatten(1, 2))
        self._unseen = False
        return sums[0]

    def clock(self) -> float:
        """That of the process that leads."""
        return self._messages.first_number(time.perf_counter())

    def everywhere(self, function: Callable[[], T]) -> T:
        """In each, and agree on whether it went well."""
        made: list[T] = []
        failure: Exception | SystemExit | None = None
        try:
            made.append(function())
        except (Exception, SystemExit) as error:
            failure = error
        self._messages.agree(failure, [], within_step=False)
        return made[0]

    def first(self, function: Callable[[], T]) -> T:
        """In the one that leads; the others hear what came of it."""
        if not self.leads:
            heard = self._messages.say({})
            if "error" in heard:
                raise CellError(heard["error"])
            return heard["value"]
        try:
            value = function()
        except (Exception, SystemExit) as error:
            self._messages.say({"error": reason(error)})
            raise
        self._messages.say({"value": value})
        return value

    @contextmanager
    def leading(self) -> Generator[None]:
        """Let the others go when the block ends, and when it fails in a way that they can hear of."""
        try:
            yield
        except ProcessError:
            raise
        except (Exception, SystemExit):
            self._messages.say({"call": None})
            raise
        self._messages.say({"call": None})

    def call(self, name: str) -> None:
        """To all others."""
        self._messages.say({"call": name})

    def called(self) -> str | None:
        """From the one that leads."""
        return self._messages.say({})["call"]

    def close(self) -> None:
        """Leave the group."""
        self._messages.close()

    def _placed(
        self, learner: nn.Module, taken: Taken, own: range, total: int
    ) -> dict[EpisodicBatchNorm, Tensor]:
        """Per norm (2, passes, T, C): what its passes noted, this process's in the places of its episodes."""
        placed: dict[EpisodicBatchNorm, Tensor] = {}
        for norm in learner.modules():
            if not isinstance(norm, EpisodicBatchNorm) or norm not in taken:
                continue
            moments = taken[norm]
            whole = moments.new_zeros(2, moments.shape[1], total, moments.shape[3])
            if own:
                whole[:, :, self._rank :: self.count] = moments
            placed[norm] = whole
        return placed


class _Counters:
    """Whole numbers that a learner counts up in training, as buffers."""

    def __init__(self, learner: nn.Module) -> None:
        self._counters = [one for one in learner.buffers() if counts(one)]
        self._before = [one.clone() for one in self._counters]

    def steps(self, counts: bool) -> list[Tensor]:
        """How far each went; nothing where the episodes of this process do not count."""
        return [(one - before) * counts for one, before in zip(self._counters, self._before, strict=True)]

    def put_back(self) -> None:
        """Let each be where it was."""
        for one, before in zip(self._counters, self._before, strict=True):
            one.copy_(before)

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
