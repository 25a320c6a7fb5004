"""Gradient steps: meta-training on episodes, and ordinary classification before it."""

from kshot.training.checkpoint import Checkpoint
from kshot.training.meta import train
from kshot.training.optimisation import trainable
from kshot.training.pretraining import PretrainedEncoder, pretrain
from kshot.training.processes import Alone, Processes, join_processes
from kshot.training.record import CurvePoint, Pretraining, Training

__all__ = [
    "Alone",
    "Checkpoint",
    "CurvePoint",
    "PretrainedEncoder",
    "Pretraining",
    "Processes",
    "Training",
    "join_processes",
    "pretrain",
    "train",
    "trainable",
]
