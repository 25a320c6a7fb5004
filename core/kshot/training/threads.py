"""One process's gradients: of a whole batch at once, or on several threads with a share each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import EpisodicBatchNorm, concurrently, in_turn, replica, side_by_side
from kshot.functional.fitting import Fitting
from kshot.functional.norms import Noted, moments_of, noting_statistics
from kshot.functional.noting import is_watched, unwatched
from kshot.functional.shares import sharing
from kshot.interfaces import Learner
from kshot.training.optimisation import trainable
from kshot.training.portions import Kept, Loss, accumulate, counts

_Gradients = tuple[Tensor | None, ...]


@final
class Threads:
    """Gradients of a learner's loss.

    Where the learner says that its episodes have nothing in common, on a CPU thread r of W takes the
    episodes r, r + W, … of a batch, with a copy of the learner that shares its parameters. Gradients,
    statistics of batch norms and counters are then put together in the order of the threads, so that
    a training gives the same numbers every time.

    Args:
        learner: in training mode.
        episodes: a first batch, on which it is tried whether copies can stand for the learner.
        loss: of a learner and some episodes.
    """

    def __init__(self, learner: Learner, episodes: Episodes, loss: Loss) -> None:
        self._learner, self._loss, self._kept = learner, loss, Kept(learner)
        count = min(side_by_side(episodes.query_labels.device), len(episodes))
        self._copies = [replica(learner) for _ in range(count)] if count > 1 and learner.concurrent() else []
        if self._copies and not self._alike(self._copies[0], episodes.slice(0, 1)):
            self._copies = []

    def gradients(self, episodes: Episodes, fitting: Fitting) -> Tensor:
        """The mean loss, its gradient in ``grad`` of the learner's parameters, which have none yet.

        Where the batch does not fit into memory, portions are computed one after the other.
        """
        self._kept.take()

        def compute(portions: Sequence[range]) -> Tensor:
            return self._whole(episodes) if len(portions) == 1 else self._portioned(episodes, portions)

        def undo() -> None:
            self._kept.put_back()
            self._learner.zero_grad(set_to_none=True)

        return fitting(len(episodes), compute, undo)

    def _portioned(self, episodes: Episodes, portions: Sequence[range]) -> Tensor:
        value, taken = accumulate(self._learner, episodes, portions, self._loss)
        for norm, moments in taken.items():
            norm.take_in(*moments.flatten(1, 2))
        return value

    def _whole(self, episodes: Episodes) -> Tensor:
        if not self._copies or len(episodes) < len(self._copies):
            value = self._loss(self._learner, episodes)
            value.backward()
            return value
        parameters, before = trainable(self._learner), _counters(self._learner)
        total, count = len(episodes), len(self._copies)

        def share(rank: int) -> tuple[Tensor, _Gradients, Noted]:
            learner, mine = self._copies[rank], episodes.slice(rank, total, count)
            _take_buffers(learner, self._learner)
            with noting_statistics() as noted, sharing(slice(rank, total, count)):
                value = self._loss(learner, mine) * (len(mine) / total)
                return value.detach(), torch.autograd.grad(value, parameters, allow_unused=True), noted

        gone_over = in_turn if is_watched() else concurrently  # a watcher sees one share after the other
        values, gradients, noted = zip(*gone_over(share, range(count)), strict=True)
        for parameter, parts in zip(parameters, zip(*gradients, strict=True), strict=True):
            reached = [part for part in parts if part is not None]
            parameter.grad = _sum(reached) if reached else None
        for buffer, start, *ends in zip(
            _counters(self._learner), before, *map(_counters, self._copies), strict=True
        ):
            buffer.copy_(start + _sum([end - start for end in ends]))
        self._take_in(noted, total)
        return _sum(values)

    def _take_in(self, noted: Sequence[Noted], total: int) -> None:
        """What the copies' norms noted, for the learner's, in the order of the episodes."""
        count = len(self._copies)
        for norm, *others in zip(_norms(self._learner), *map(_norms, self._copies), strict=True):
            if others[0] not in noted[0]:
                continue
            whole = torch.empty(0)
            for rank, other in enumerate(others):
                moments = moments_of(noted[rank][other], len(range(rank, total, count)))
                if not rank:
                    whole = moments.new_empty(2, moments.shape[1], total, moments.shape[3])
                whole[:, :, rank::count] = moments
            norm.take_in(*whole.flatten(1, 2))

    def _alike(self, copied: Learner, episodes: Episodes) -> bool:
        """True where a loss draws no random numbers, whose order threads would not keep, and changes no buffer
        but those that are put together again."""
        state = torch.get_rng_state()
        before = [buffer.clone() for buffer in copied.buffers() if buffer.is_floating_point()]
        with noting_statistics(), unwatched():
            self._loss(copied, episodes)
        draws = not torch.equal(state, torch.get_rng_state())
        torch.set_rng_state(state)
        after = [buffer for buffer in copied.buffers() if buffer.is_floating_point()]
        return not draws and all(
            torch.equal(old.nan_to_num(), new.nan_to_num()) for old, new in zip(before, after, strict=True)
        )


def _sum(parts: Sequence[Tensor]) -> Tensor:
    """In their order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _norms(learner: nn.Module) -> list[EpisodicBatchNorm]:
    return [module for module in learner.modules() if isinstance(module, EpisodicBatchNorm)]


def _counters(learner: nn.Module) -> list[Tensor]:
    """Whole numbers that a learner counts up in training."""
    return [one for one in learner.buffers() if counts(one)]


@torch.no_grad()
def _take_buffers(copied: nn.Module, learner: nn.Module) -> None:
    for own, other in zip(copied.buffers(), learner.buffers(), strict=True):
        own.copy_(other)
