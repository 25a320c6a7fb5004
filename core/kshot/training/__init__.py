"""Gradient steps: meta-training on episodes, and ordinary classification before it."""

from kshot.training.checkpoint import CHECKPOINT, Checkpoint
from kshot.training.handover import (
    ENCODER,
    LEARNER,
    Lasting,
    lasting_encoder_state,
    lasting_state,
    read_learner,
    write_learner,
)
from kshot.training.meta import train
from kshot.training.optimisation import precision, trainable, training_mode
from kshot.training.pretraining import PretrainedEncoder, pairing, pretrain
from kshot.training.processes import Alone, Processes, join_processes
from kshot.training.record import CurvePoint, Pretraining, Training

__all__ = [
    "CHECKPOINT",
    "ENCODER",
    "LEARNER",
    "Alone",
    "Checkpoint",
    "CurvePoint",
    "Lasting",
    "PretrainedEncoder",
    "Pretraining",
    "Processes",
    "Training",
    "join_processes",
    "lasting_encoder_state",
    "lasting_state",
    "pairing",
    "precision",
    "pretrain",
    "read_learner",
    "train",
    "trainable",
    "training_mode",
    "write_learner",
]
