"""Pretraining: ordinary classification of the training classes, with a head that is thrown away."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from kshot.config import Pretrain
from kshot.functional import embed_flat
from kshot.interfaces import Encoder, PretrainHead
from kshot.loading import Loader
from kshot.training.checkpoint import learned_state, write_tensors
from kshot.training.optimisation import Meter, Optimiser, precision, trainable, training_mode

COSINE_SCALE = 10.0
"""Start of the cosine head's factor, which is learnt; Chen et al. fix 2, or 30 beyond 200 classes."""

MEND = "lower pretrain.learning_rate or set pretrain.clip"

PretrainProgress = Callable[[int, float], None]
"""Called after each epoch with its number and its mean loss."""


@dataclass(frozen=True)
class Pretraining:
    """What a pretraining left behind.

    Attributes:
        epochs: passes over the data.
        loss: mean loss of the last epoch.
        seconds: spent.
    """

    epochs: int
    loss: float
    seconds: float


@final
@dataclass(frozen=True)
class PretrainedEncoder:
    """Where an encoder lies that was pretrained once, for every learner that begins with it.

    Attributes:
        path: of the file; its name tells all that the weights depend on.
    """

    path: Path

    def save(self, encoder: nn.Module, pretraining: Pretraining) -> None:
        """Write what pretraining changed, whole or not at all."""
        header = {"pretraining": json.dumps(asdict(pretraining))}
        write_tensors(self.path, learned_state(encoder), header)

    def load(self, encoder: nn.Module) -> Pretraining | None:
        """Restore it; None where it is missing or damaged."""
        try:
            with safe_open(self.path, framework="pt") as stored:
                found = Pretraining(**json.loads((stored.metadata() or {})["pretraining"]))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            return None
        encoder.load_state_dict(tensors, strict=False)
        return found


def pretrain(
    encoder: Encoder,
    loader: Loader,
    options: Pretrain,
    head: PretrainHead,
    seed: int,
    progress: PretrainProgress = lambda epoch, loss: None,
    rates: Mapping[nn.Parameter, float] | None = None,
) -> Pretraining:
    """Teach an encoder to classify the training classes, as transfer learning does.

    Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019; Chen et al., "Meta-Baseline",
    ICCV 2021. The caller's random state is left as it was.

    Args:
        encoder: on the loader's device; its parameters that train are trained, it is left in
            training mode.
        loader: the training split's tensors.
        options: epochs, batch, optimiser and schedule.
        head: ``linear``, or ``cosine`` (Baseline++).
        seed: of the head's start, the order of the examples and the augmentation.
        progress: told after each epoch.
        rates: factor of the learning rate of a parameter; 1 for one that is not named.

    Raises:
        CellError: the loss is not finite; names the step.
    """
    devices = [loader.device] if loader.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        classes = len(loader.catalogue.classes)
        classify = _head(head, encoder.dim, classes).to(loader.device)
        return _run(encoder, classify, loader, options, seed, progress, rates)


def _run(
    encoder: Encoder,
    head: nn.Module,
    loader: Loader,
    options: Pretrain,
    seed: int,
    progress: PretrainProgress,
    rates: Mapping[nn.Parameter, float] | None,
) -> Pretraining:
    labels = torch.from_numpy(loader.catalogue.labels).to(loader.device)
    per_epoch = math.ceil(len(labels) / options.batch)
    parameters = [*trainable(encoder), *head.parameters()]
    optimiser = Optimiser(parameters, options, options.epochs * per_epoch, options.batch, rates)
    generator = torch.Generator(loader.device).manual_seed(seed)
    meter, loss, number = Meter(loader.device), math.nan, 0
    training_mode(encoder)
    started = time.perf_counter()
    for epoch in range(options.epochs):
        for positions in _batches(len(labels), options.batch, seed, epoch):
            inputs = encoder.augment(loader.gather(positions), generator)
            with precision(options, loader.device):
                logits = head(embed_flat(encoder, inputs))
                batch_loss = F.cross_entropy(logits.float(), labels[torch.from_numpy(positions)])
            optimiser.step(batch_loss, number)
            meter.add(batch_loss, number)
            number += 1
        loss = meter.take(MEND)
        progress(epoch + 1, loss)
    return Pretraining(options.epochs, loss, time.perf_counter() - started)


def _batches(count: int, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Positions in a random order that seed and epoch determine; no batch of a single example."""
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
    for start in range(0, count, size):
        batch = order[start : start + size]
        if len(batch) > 1:
            yield batch


def _head(kind: PretrainHead, dim: int, classes: int) -> nn.Module:
    return nn.Linear(dim, classes) if kind == "linear" else _Cosine(dim, classes)


@final
class _Cosine(nn.Module):
    """Cosine between an embedding and a learnt vector per class, times a learnt factor."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(COSINE_SCALE)))

    def forward(self, embedded: Tensor) -> Tensor:
        """(B, dim) → (B, classes)."""
        return self.log_scale.exp() * F.linear(F.normalize(embedded, dim=1), F.normalize(self.weight, dim=1))
