"""Examples held out in turn, and learners that have not seen them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor

from kshot.classifier.copies import originals
from kshot.classifier.support import Answering, Support


@dataclass(frozen=True, eq=False)
class Fold:
    """Examples that are held out, and a learner that was trained without them.

    Attributes:
        left: (n,) positions of the examples that are left, one of each class at least.
        held: (m,) positions of those that are held out, of copies within a class the first alone.
        classifier: makes of some of those that are left what classifies by them.
    """

    left: Tensor
    held: Tensor
    classifier: Callable[[Support], Answering]


class Learnt(Protocol):
    """A learner whose own weights are settled."""

    def classifier(self, support: Support, /) -> Answering:
        """What classifies by a support set."""
        ...

    def state(self) -> Mapping[str, Tensor]:
        """Its own weights, on the CPU."""
        ...


class Settle(Protocol):
    """Settles a learner for the examples that are left."""

    def __call__(self, left: Support, weights: Mapping[str, Tensor] | None, which: str, /) -> Learnt:
        """Train it, or take up the weights that it was trained to before; ``which`` says of which fold it is."""
        ...


@final
class HeldOut:
    """The folds of a support, each with a learner of its own, which is trained when it is first asked for.

    Whoever goes through the folds again meets the same learners: their weights are kept. Weights alone, since a
    learner may hold a copy of its encoder.

    Args:
        support: all examples.
        most: number of folds; fewer where the largest class has fewer different examples.
        settle: trains a learner on what is left.
    """

    def __init__(self, support: Support, most: int, settle: Settle) -> None:
        self._support, self._settle = support, settle
        self._parts = list(folds_of(support, most))
        self._weights: dict[int, Mapping[str, Tensor]] = {}

    def __iter__(self) -> Iterator[Fold]:
        for number, (left, held) in enumerate(self._parts):
            which = f"part {number + 1} of {len(self._parts)} held out"
            learnt = self._settle(self._support.taken(left), self._weights.get(number), which)
            if number not in self._weights:
                self._weights[number] = learnt.state()
            yield Fold(left, held, learnt.classifier)


def folds_of(support: Support, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions that are left and positions that are held out, for each fold; none where no class has two different
    examples.

    Every class keeps one example at least, so that all classes stay; of a class with several different ones each is
    held out once, and its copies are left out with it, since they would give the answer away.

    Args:
        support: N examples.
        most: number of folds; fewer where the largest class has fewer different examples.
    """
    numbers, first = support.numbers, originals(support)
    differs = first == torch.arange(len(numbers))
    ranks = torch.zeros_like(numbers)
    ranks[differs] = _ranks(numbers[differs])
    sizes = torch.bincount(numbers[differs])[numbers]
    folds = min(most, int(sizes.max()))
    if folds < 2:
        return
    for fold in range(folds):
        out = (ranks[first] % folds == fold) & (sizes > 1)
        if out.any():
            yield (~out).nonzero().flatten(), (out & differs).nonzero().flatten()


def _ranks(numbers: Tensor) -> Tensor:
    """(N,) classes → (N,) how many earlier examples are of the same class."""
    order = numbers.argsort(stable=True)
    sizes = torch.bincount(numbers)
    starts = (sizes.cumsum(0) - sizes)[numbers[order]]
    ranks = torch.empty_like(numbers)
    ranks[order] = torch.arange(len(numbers)) - starts
    return ranks
