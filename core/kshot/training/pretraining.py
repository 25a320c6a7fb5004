"""Pretraining: ordinary classification of the training classes, with a head that is thrown away."""

from __future__ import annotations

import itertools
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
from kshot.errors import CellError
from kshot.functional import embed_flat
from kshot.interfaces import Encoder, PretrainHead
from kshot.loading import Loader
from kshot.tensorfiles import write_tensors
from kshot.training.checkpoint import Checkpoint, State, learned_state
from kshot.training.optimisation import (
    Meter,
    Optimiser,
    precision,
    random_generators,
    trainable,
    training_mode,
)
from kshot.training.record import Pretraining

COSINE_SCALE = 10.0
"""Start of the cosine head's factor, which is learnt; Chen et al. fix 2, or 30 beyond 200 classes."""

MEND = "lower pretrain.learning_rate or set pretrain.clip"

PretrainProgress = Callable[[int, float], None]
"""Called after each epoch with its number and its mean loss."""


@final
@dataclass(frozen=True)
class PretrainedEncoder:
    """Where an encoder lies that was pretrained once, for every learner that begins with it.

    Attributes:
        path: of the file; its name tells all that the weights depend on.
        seconds: how often an unfinished pretraining is written, at most.
    """

    path: Path
    seconds: float = 60.0

    @property
    def unfinished(self) -> Checkpoint:
        """Where a pretraining that was interrupted lies."""
        return Checkpoint(
            self.path.with_suffix(".unfinished.safetensors"), self.path.stem, None, self.seconds
        )

    def save(self, encoder: nn.Module, pretraining: Pretraining) -> None:
        """Write what pretraining changed, whole or not at all."""
        header = {"pretraining": json.dumps(asdict(pretraining))}
        write_tensors(self.path, learned_state(encoder), header)
        self.unfinished.remove()

    def load(self, encoder: nn.Module) -> Pretraining | None:
        """Restore it; None where it is missing or damaged."""
        try:
            with safe_open(self.path, framework="pt") as stored:
                found = Pretraining.from_plain(json.loads((stored.metadata() or {})["pretraining"]))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            return None
        self.unfinished.remove()
        encoder.load_state_dict(tensors, strict=False)
        return found


def pretrain(
    encoder: Encoder,
    loader: Loader,
    options: Pretrain,
    head: PretrainHead,
    seed: int,
    progress: PretrainProgress = lambda epoch, loss: None,
    checkpoint: Checkpoint | None = None,
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
        checkpoint: where the state is kept; the pretraining goes on from what lies there, to the bit.
        rates: factor of the learning rate of a parameter; 1 for one that is not named.

    Raises:
        CellError: the loss is not finite; names the step.
    """
    devices = [loader.device] if loader.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        classes = len(loader.catalogue.classes)
        classify = _head(head, encoder.dim, classes).to(loader.device)
        return _run(encoder, classify, loader, options, seed, progress, checkpoint, rates)


def _run(
    encoder: Encoder,
    head: nn.Module,
    loader: Loader,
    options: Pretrain,
    seed: int,
    progress: PretrainProgress,
    checkpoint: Checkpoint | None,
    rates: Mapping[nn.Parameter, float] | None,
) -> Pretraining:
    labels = torch.from_numpy(loader.catalogue.labels).to(loader.device)
    per_epoch = sum(1 for _ in _batches(len(labels), options.batch, seed, 0))
    both = nn.ModuleDict({"encoder": encoder, "head": head})
    optimiser = Optimiser(trainable(both), options, options.epochs * per_epoch, options.batch, rates)
    augmentation = torch.Generator(loader.device).manual_seed(seed)
    generators = random_generators(loader.device, augmentation)
    state = State(both, optimiser.inner, generators, Meter(loader.device), Pretraining())
    if checkpoint:
        checkpoint.load(state)
    training_mode(encoder)
    result, before, started = state.record, state.record.seconds, time.perf_counter()
    last_save = started
    while result.epochs < options.epochs:
        batches = _batches(len(labels), options.batch, seed, result.epochs)
        for positions in itertools.islice(batches, result.steps - per_epoch * result.epochs, None):
            inputs = encoder.augment(loader.gather(positions), augmentation)
            with precision(options, loader.device):
                logits = head(embed_flat(encoder, inputs))
                batch_loss = F.cross_entropy(logits.float(), labels[torch.from_numpy(positions)])
            optimiser.step(batch_loss, result.steps)
            state.losses.add(batch_loss, result.steps)
            result.steps += 1
            now = time.perf_counter()
            result.seconds = before + now - started
            if checkpoint and now - last_save >= checkpoint.seconds:
                _save(checkpoint, state)
                last_save = time.perf_counter()
        result.epochs += 1
        result.loss = state.losses.take(MEND)
        progress(result.epochs, result.loss)
    return result


def _save(checkpoint: Checkpoint, state: State[Pretraining]) -> None:
    """Write the state; what is not finite must not replace what was."""
    if not state.finite:
        raise CellError(f"parameters are not finite after {state.record.steps} steps; {MEND}")
    checkpoint.save(state)


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
