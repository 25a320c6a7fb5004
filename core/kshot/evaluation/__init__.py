"""Scores on frozen episodes."""

from kshot.evaluation.batches import batch_size
from kshot.evaluation.scores import Metric, Score, Scored, evaluate, scoring

__all__ = ["Metric", "Score", "Scored", "batch_size", "evaluate", "scoring"]
