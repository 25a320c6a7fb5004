"""Meta-training: episodes in, gradient steps, a learning curve out."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import torch
from torch import nn

from kshot.allocator import keep_freed_memory
from kshot.config import Train
from kshot.episode import Episodes, Examples
from kshot.errors import CellError
from kshot.functional.fitting import Fitting
from kshot.functional.noting import Watcher, watched
from kshot.functional.promised import promised_loss
from kshot.interfaces import Encoder, Learner
from kshot.loading import Loader
from kshot.metrics import Interval
from kshot.sampling import Sampler
from kshot.training.checkpoint import Checkpoint, State, learned_state
from kshot.training.optimisation import (
    Meter,
    Optimiser,
    precision,
    random_generators,
    trainable,
    training_mode,
)
from kshot.training.processes import Alone, Processes
from kshot.training.record import CurvePoint, Training

log = logging.getLogger("kshot")

REPORT_SECONDS = 0.5
"""How often progress is told, at most: reading the loss waits for the device."""

MEND = "lower train.learning_rate or set train.clip"

Progress = Callable[[int, float, float], None]
"""Called with episodes trained, mean loss since the last call, seconds trained."""


class Validate(Protocol):
    """Scores the learner, given the number of episodes trained so far."""

    def __call__(self, episodes: int, /) -> Interval:
        """Accuracy on validation episodes."""
        ...


def train(
    learner: Learner,
    loader: Loader,
    sampler: Sampler,
    options: Train,
    *,
    validate: Validate | None = None,
    progress: Progress = lambda episodes, loss, seconds: None,
    checkpoint: Checkpoint | None = None,
    rates: Mapping[nn.Parameter, float] | None = None,
    processes: Processes | None = None,
    watcher: Watcher | None = None,
    fitting: Fitting | None = None,
) -> Training:
    """Train a learner on episodes 0 … ``options.episodes`` - 1 of ``sampler``.

    The learner is left in training mode. An encoder none of whose parameters train stays in
    evaluation mode throughout: a frozen encoder keeps its running statistics too. With
    ``options.patience`` the learner ends as it was at its best validation, and training may end early.

    Args:
        learner: on the loader's device.
        loader: the training split's tensors.
        sampler: the training episodes.
        options: episodes, meta-batch, optimiser and schedule.
        validate: scores the learner, given the episodes trained so far; called
            ``options.validations`` times, evenly spread.
        progress: told how far training is, a few times a second at most.
        checkpoint: where the state is kept; training goes on from what lies there, to the bit.
        rates: factor of the learning rate of a parameter; 1 for one that is not named.
        processes: that train together, each calling this with arguments of the same content, and
            share the episodes of each meta-batch; default: this one alone.
        watcher: sees every meta-batch, or this process's share of it.
        fitting: computes a meta-batch in portions from where one did not fit into memory, to the same
            gradient up to rounding, unless the loss draws from torch's random state; default: one that tells nobody.

    Raises:
        CellError: the loss is not finite; names the step. The last good checkpoint stays. Or there is
            ``patience`` and nothing to validate. Or a single episode does not fit into memory.
    """
    if loader.device.type == "cpu":
        keep_freed_memory()
    together, fits = processes or Alone(), fitting or Fitting()
    return _Run(
        learner, loader, sampler, options, validate, progress, checkpoint, rates, together, watcher, fits
    ).run()


class _Run:
    def __init__(
        self,
        learner: Learner,
        loader: Loader,
        sampler: Sampler,
        options: Train,
        validate: Validate | None,
        progress: Progress,
        checkpoint: Checkpoint | None,
        rates: Mapping[nn.Parameter, float] | None,
        processes: Processes,
        watcher: Watcher | None,
        fitting: Fitting,
    ) -> None:
        self._processes, self._watcher, self._fitting = processes, watcher, fitting
        self._learner, self._loader, self._sampler, self._options = learner, loader, sampler, options
        self._validate, self._progress, self._checkpoint = validate, progress, checkpoint
        steps = math.ceil(options.episodes / options.meta_batch)
        self._optimiser = Optimiser(trainable(learner), options, steps, options.meta_batch, rates)
        self._augmentation = torch.Generator(loader.device).manual_seed(sampler.seed)
        generators = random_generators(loader.device, self._augmentation)
        self._state = State(learner, self._optimiser.inner, generators, Meter(loader.device), Training())
        self._stops = _validation_stops(options) if validate else []
        if options.patience is not None and validate is None:
            raise CellError(
                "train.patience counts validations, and nothing is validated here; set it to null"
            )

    def run(self) -> Training:
        """Train from where the checkpoint left off, or from the start."""
        if self._checkpoint:
            self._processes.everywhere(partial(self._load, self._checkpoint))
        self._processes.begin(self._learner, self._state.record.episodes)
        result, options, point = self._state.record, self._options, self._state.losses
        self._fitting.limit(result.at_once)
        self._stops = [stop for stop in self._stops if stop > result.episodes]
        reported = Meter(self._loader.device)
        training_mode(self._learner)
        every = self._checkpoint.seconds if self._checkpoint else math.inf
        before, started = result.seconds, self._processes.clock()
        last_report = last_save = started
        end = result.episodes if self._patience_is_out() else options.episodes
        batches = self._loader.episodes(self._sampler, result.episodes, end, options.meta_batch)
        for episodes in batches:
            number = result.episodes // options.meta_batch
            loss = self._step(episodes, number)
            result.at_once = self._fitting.most
            reported.add(loss, number)
            point.add(loss, number)
            result.episodes += len(episodes)
            finished = result.episodes >= options.episodes
            now = self._processes.clock()
            result.seconds = before + now - started
            if now - last_report >= REPORT_SECONDS or finished:
                last_report = now
                self._progress(result.episodes, reported.take(MEND), result.seconds)
            due = bool(self._stops) and result.episodes >= self._stops[0]
            if due or finished:
                self._mark(point.take(MEND), due)
            finished = finished or self._patience_is_out()
            if due or finished or now - last_save >= every:
                self._save()
                last_save = self._processes.clock()
                started += last_save - now
            if finished:
                break
        if result.best:
            self._learner.load_state_dict(self._state.kept, strict=False)
        return result

    def _load(self, checkpoint: Checkpoint) -> None:
        """Take up what lies there, where this training passes there, and say where a start leaves nothing to do."""
        wanted, batch = self._options.episodes, self._options.meta_batch

        def passed(record: Training) -> bool:
            # A shorter training may end with a smaller meta-batch, in the midst of one of this training's.
            whole = (record.episodes - record.began) % batch == 0
            return record.episodes == wanted or (record.episodes < wanted and whole)

        started = checkpoint.load(self._state, passed)
        done = self._state.record.episodes
        if started and done >= wanted and self._processes.leads:
            log.warning(
                "train.start: %s was trained on %d episodes already, and train.episodes asks for %d in all: nothing "
                "is trained here; ask for more to train further",
                checkpoint.start,
                done,
                wanted,
            )

    def _patience_is_out(self) -> bool:
        patience = self._options.patience
        return patience is not None and self._state.record.stale >= patience

    def _step(self, episodes: Episodes, number: int) -> torch.Tensor:
        encoder = self._learner.encoder
        if isinstance(encoder, Encoder) and encoder.augments:
            episodes = _augmented(encoder, episodes, self._augmentation)
        self._optimiser.forget()
        if self._watcher:
            self._watcher.batch_started(episodes, self._state.record.episodes, self._options.episodes)
        with watched(self._watcher):
            loss = self._processes.gradients(self._learner, episodes, self._loss, self._fitting)
        self._optimiser.descend(number)
        if self._watcher:
            self._watcher.batch_finished(loss.detach())
        return loss

    def _loss(self, learner: Learner, episodes: Episodes) -> torch.Tensor:
        with precision(self._options, self._loader.device):
            return promised_loss(learner.loss(episodes), learner)

    def _mark(self, loss: float, due: bool) -> None:
        """A point of the curve, with a validation where one is due."""
        result = self._state.record
        validation = self._validate(result.episodes) if self._validate and due else None
        self._stops = [stop for stop in self._stops if stop > result.episodes]
        result.curve.append(point := CurvePoint(result.episodes, loss, validation))
        if validation and self._options.patience is not None and result.improved(point):
            self._state.kept = {
                name: value.detach().clone() for name, value in learned_state(self._learner).items()
            }
        training_mode(self._learner)

    def _save(self) -> None:
        """Write a checkpoint; what is not finite must not replace what was."""
        if self._checkpoint is None:
            return
        if not self._state.finite:
            done = self._state.record.episodes
            raise CellError(f"parameters are not finite after {done} episodes; {MEND}")
        checkpoint = self._checkpoint
        self._processes.first(lambda: checkpoint.save(self._state))


def _augmented(encoder: Encoder, episodes: Episodes, generator: torch.Generator) -> Episodes:
    """Every block varied by the encoder, examples of all episodes together."""

    def vary(block: Examples) -> Examples:
        flat = {name: leaf.flatten(0, 1) for name, leaf in block.inputs.items()}
        varied = encoder.augment(flat, generator)
        shape = block.labels.shape
        return Examples(
            {name: leaf.unflatten(0, shape) for name, leaf in varied.items()}, block.labels, block.way
        )

    return Episodes(
        tuple(vary(block) for block in episodes.support),
        tuple(vary(block) for block in episodes.query),
        episodes.classes,
    )


def _validation_stops(options: Train) -> list[int]:
    """Numbers of episodes after which validation is due, the last at the end."""
    count = options.validations
    return sorted({-(-options.episodes * (k + 1) // count) for k in range(count)} - {0})
