"""A batch's gradient from portions of its episodes, and what a portion changes beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional.norms import EpisodicBatchNorm, moments_of, noting_statistics
from kshot.functional.shares import sharing
from kshot.interfaces import Learner

Loss = Callable[[Learner, Episodes], Tensor]
"""A learner's mean loss of some episodes."""

Taken = Mapping[EpisodicBatchNorm, Tensor]
"""Per norm (2, passes, T, C): the moments that its running statistics are to take in."""


def accumulate(
    learner: Learner, episodes: Episodes, portions: Sequence[range], loss: Loss, weight: float = 1.0
) -> tuple[Tensor, Taken]:
    """The loss of some episodes, portion after portion, its gradient added to ``grad`` of the parameters.

    The learner's norms keep their running statistics. Each portion finds its counters as the batch did;
    they end further by what all portions counted.

    Args:
        learner: in training mode.
        episodes: a batch.
        portions: of its episodes, by number.
        loss: of one portion; only its graph is in memory at a time.
        weight: of the mean over all portions' episodes.

    Returns:
        the weighted mean, detached, and what norms noted, T episodes in the portions' order.
    """
    count = sum(map(len, portions))
    values: list[Tensor] = []
    moments: list[Taken] = []
    counters = [one for one in learner.buffers() if counts(one)]
    before, ends = [one.clone() for one in counters], [one.clone() for one in counters]
    for portion in portions:
        which = (portion.start, portion.stop, portion.step)
        with noting_statistics() as noted, sharing(slice(*which)):
            value = loss(learner, episodes.slice(*which)) * (weight * (len(portion) / count))
            value.backward()
        values.append(value.detach())
        for one, start, end in zip(counters, before, ends, strict=True):
            end += one - start
            one.copy_(start)
        moments.append({norm: moments_of(own, len(portion)) for norm, own in noted.items()})
    for one, end in zip(counters, ends, strict=True):
        one.copy_(end)
    joined = {norm: torch.cat([one[norm] for one in moments], dim=2) for norm in moments[0]}
    return torch.stack(values).sum(), joined


def counts(buffer: Tensor) -> bool:
    """True for whole numbers, which a learner counts up in training."""
    return not (buffer.is_floating_point() or buffer.is_complex() or buffer.dtype == torch.bool)


@final
class Kept:
    """Copies of the buffers that a loss changes in a way that is known: norms' statistics, and counters.

    Args:
        learner: whose buffers stay the same objects.
    """

    def __init__(self, learner: nn.Module) -> None:
        norms = [module for module in learner.modules() if isinstance(module, EpisodicBatchNorm)]
        tracked = {id(buffer) for norm in norms for buffer in norm.buffers()}
        buffers = [one for one in learner.buffers() if id(one) in tracked or counts(one)]
        groups: dict[torch.dtype, list[Tensor]] = {}
        for one in buffers:
            groups.setdefault(one.dtype, []).append(one)
        self._pairs = [(own, [one.clone() for one in own]) for own in groups.values()]

    @torch.no_grad()
    def take(self) -> None:
        """Copy them as they are."""
        for own, copies in self._pairs:
            torch._foreach_copy_(copies, own)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]

    @torch.no_grad()
    def put_back(self) -> None:
        """Let them be as they were copied."""
        for own, copies in self._pairs:
            torch._foreach_copy_(own, copies)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
