"""How accuracy grows with the number of examples, measured on the examples at hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from kshot.classifier.support import Support
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.metrics import Interval
from kshot.sampling import Sampler
from kshot.shapes import Shape

MOST_QUERIES = 5
"""Held-out examples of each class in a draw; the more draws make up for few."""


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy with so many examples of each class.

    Attributes:
        shot: examples of each class that the classifier is given.
        accuracy: on held-out examples, mean over the draws with its 95 % interval.
    """

    shot: int
    accuracy: Interval


def shots(smallest: int) -> list[int]:
    """1, 2, 4, … and one fewer than the smallest class has, whose example is then held out."""
    doubled = [2**power for power in range(smallest.bit_length()) if 2**power < smallest]
    return sorted({*doubled, smallest - 1} - {0})


def learning_curve(
    learner: Learner, support: Support, device: torch.device, draws: int, seed: int
) -> list[CurvePoint]:
    """Accuracy by number of examples, by repeated random splits of the support.

    All classes take part, so its interval is over which examples were given and which asked about;
    draws share examples, and the interval is a little too narrow for it. Empty where a class has a
    single example.

    Args:
        learner: as it classifies; it is not trained here.
        support: all examples.
        device: the learner's.
        draws: random splits for each number of examples.
        seed: of these.
    """
    smallest = int(torch.bincount(support.numbers).min())
    loader = support.loader(device)
    way = len(support.classes)
    points: list[CurvePoint] = []
    for shot in shots(smallest):
        queries = min(MOST_QUERIES, smallest - shot)
        sampler = Sampler(loader.catalogue, "train", Shape(way, shot, queries), seed)
        [scored] = evaluate(learner, loader, [sampler], draws)
        points.append(CurvePoint(shot, scored.accuracy))
    return points
