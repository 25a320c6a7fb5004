"""Pretraining: an encoder taught as a whole, before episodes or instead of them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from kshot.allocator import keep_freed_memory
from kshot.config import Pretrain
from kshot.episode import Inputs
from kshot.errors import CellError
from kshot.functional.fitting import roomy
from kshot.interfaces import Encoder, PretrainHead
from kshot.loading import Loader
from kshot.loading.prepare import trimmed
from kshot.sampling import Catalogue
from kshot.tensorfiles import read_tensors, write_tensors
from kshot.training.checkpoint import Checkpoint, State, learned_state
from kshot.training.objectives import Classes, Objective, Pairs
from kshot.training.optimisation import (
    Meter,
    Optimiser,
    precision,
    random_generators,
    trainable,
    training_mode,
)
from kshot.training.record import Pretraining

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
            tensors, texts = read_tensors(self.path)
            found = Pretraining.from_plain(json.loads(texts["pretraining"]))
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
    """Teach an encoder to classify the training classes, or to bring modalities together.

    The caller's random state is left as it was.

    Args:
        encoder: on the loader's device; its parameters that train are trained, it is left in
            training mode.
        loader: the training split's tensors.
        options: objective, epochs, batch, optimiser and schedule.
        head: ``linear``, or ``cosine`` (Baseline++); of a classification.
        seed: of the head's start, the order of the examples and the augmentation.
        progress: told after each epoch.
        checkpoint: where the state is kept; the pretraining goes on from what lies there, to the bit.
        rates: factor of the learning rate of a parameter; 1 for one that is not named.

    Raises:
        CellError: the loss is not finite; names the step. Or pairs are asked for where there are none. Or a
            batch does not fit into memory.
    """
    if loader.device.type == "cpu":
        keep_freed_memory()
    devices = [loader.device] if loader.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        pairs = pairing(options, loader.catalogue)
        objective = (
            Pairs(loader, options.batch) if pairs else Classes(loader, options.batch, head, encoder.dim)
        )
        return _run(encoder, objective, loader, options, seed, progress, checkpoint, rates)


def pairing(options: Pretrain, catalogue: Catalogue) -> bool:
    """True where a pretraining pairs modalities: where it is asked to, or where there are several and
    nothing is asked."""
    if options.objective is None:
        return catalogue.blocks is not None
    return options.objective == "pairs"


def _run(
    encoder: Encoder,
    objective: Objective,
    loader: Loader,
    options: Pretrain,
    seed: int,
    progress: PretrainProgress,
    checkpoint: Checkpoint | None,
    rates: Mapping[nn.Parameter, float] | None,
) -> Pretraining:
    per_epoch = objective.count(seed)
    both = nn.ModuleDict({"encoder": encoder, "head": objective.head})
    optimiser = Optimiser(trainable(both), options, options.epochs * per_epoch, options.batch, rates)
    augmentation = torch.Generator(loader.device).manual_seed(seed)
    generators = random_generators(loader.device, augmentation)
    state = State(both, optimiser.inner, generators, Meter(loader.device), Pretraining())
    if checkpoint:
        checkpoint.load(state)
    training_mode(encoder)

    def gather(positions: np.ndarray) -> Inputs:
        inputs = loader.gather(positions)
        # Elsewhere than on a CPU the length would have to be waited for.
        inputs = trimmed(inputs) if trims else inputs
        with torch.autocast(loader.device.type, enabled=False):
            return encoder.augment(inputs, augmentation)

    trims = loader.catalogue.blocks is not None and loader.device.type == "cpu"
    result, before, started = state.record, state.record.seconds, time.perf_counter()
    last_save = started
    while result.epochs < options.epochs:
        batches = objective.batches(seed, result.epochs)
        for batch in itertools.islice(batches, result.steps - per_epoch * result.epochs, None):
            # Its examples share batch norms' statistics, and a softmax where they are paired: it has no parts.
            with roomy(f"a batch of {options.batch} in pretraining", "lower pretrain.batch"):
                with precision(options, loader.device):
                    batch_loss = objective.loss(encoder, batch, gather)
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
