"""How accuracy grows with the number of examples, measured on the examples at hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from kshot.classifier.copies import differ
from kshot.classifier.folds import Fold
from kshot.classifier.support import Support
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.metrics import Interval, interval
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.statistics import share_interval

MOST_QUERIES = 5
"""Held-out examples of each class in a draw; the more draws make up for few."""


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy with so many examples of each class.

    Attributes:
        shot: examples of each class that the classifier is given.
        accuracy: on held-out examples, mean over the draws with its 95 % interval, which is over draws of these
            examples: more draws make it as narrow as one likes.
        asked: how many different examples were asked about.
    """

    shot: int
    accuracy: Interval
    asked: int

    @property
    def ends(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % interval of accuracy on further examples: Wilson's, within 0 and 1.

        It counts every example that was asked about once, however often draws asked about it. That the examples
        given are few as well is not in it.
        """
        return share_interval(self.accuracy.mean, self.asked)


def shots(smallest: int) -> list[int]:
    """1, 2, 4, … and one fewer than the smallest class has, whose example is then held out."""
    doubled = [2**power for power in range(smallest.bit_length()) if 2**power < smallest]
    return sorted({*doubled, smallest - 1} - {0})


def learning_curve(
    learner: Learner, support: Support, device: torch.device, draws: int, seed: int
) -> list[CurvePoint]:
    """Accuracy by number of examples, by repeated random splits of the support.

    All classes take part, and of copies within a class one. Empty where a class has a single example.

    Args:
        learner: as it classifies; it is not trained here.
        support: all examples.
        device: the learner's.
        draws: random splits for each number of examples.
        seed: of these.
    """
    support = support.taken(differ(support).nonzero().flatten())
    smallest = int(torch.bincount(support.numbers).min())
    loader = support.loader(device)
    way = len(support.classes)
    points: list[CurvePoint] = []
    for shot in shots(smallest):
        queries = min(MOST_QUERIES, smallest - shot)
        sampler = Sampler(loader.catalogue, "train", Shape(way, shot, queries), seed)
        [scored] = evaluate(learner, loader, [sampler], draws)
        asked = np.unique(sampler.take(np.arange(draws)).query)
        points.append(CurvePoint(shot, scored.accuracy, len(asked)))
    return points


def learning_curve_by_folds(
    support: Support, folds: Iterable[Fold], draws: int, seed: int
) -> list[CurvePoint]:
    """Accuracy by number of examples, of a learner whose own weights are trained on the support.

    What is asked about is held out of that training too: each draw gives examples of what a fold left, and asks
    its learner about those held out. All points of a fold share its weights, which were trained on more examples
    than the points of few examples give. Of copies within a class one is given. Empty where a class has a single
    example.

    Args:
        support: all examples.
        folds: of them, as many as there are draws at most.
        draws: random splits for each number of examples, in turn of the folds.
        seed: of these.
    """
    numbers, differs = support.numbers, differ(support)
    if int(torch.bincount(numbers[differs]).min()) < 2:
        return []
    taken = [Fold(fold.left[differs[fold.left]], fold.held, fold.classifier) for fold in islice(folds, draws)]
    least = min(int(torch.bincount(numbers[fold.left]).min()) for fold in taken)
    generator = torch.Generator().manual_seed(seed)
    points: list[CurvePoint] = []
    for shot in shots(least + 1):
        accuracies: list[float] = []
        met: set[int] = set()
        for draw in range(draws):
            fold = taken[draw % len(taken)]
            given = _some(fold.left, numbers, shot, generator)
            asked = _some(fold.held, numbers, MOST_QUERIES, generator)
            said = fold.classifier(support.taken(given))(support.taken(asked)).argmax(1)
            met.update(asked.tolist())
            accuracies.append(float((said == numbers[asked]).double().mean()))
        points.append(CurvePoint(shot, interval(torch.tensor(accuracies)), len(met)))
    return points


def _some(positions: Tensor, numbers: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """At most ``count`` positions of each class, at random."""
    mixed = positions[torch.randperm(len(positions), generator=generator)]
    own = numbers[mixed]
    return torch.cat([mixed[own == number][:count] for number in own.unique()])
