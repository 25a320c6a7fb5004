"""Meta-training: episodes in, gradient steps, a learning curve out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kshot.config import Train
from kshot.episode import Episodes, Examples
from kshot.errors import CellError
from kshot.interfaces import Encoder, Learner
from kshot.loading import Loader
from kshot.metrics import Interval
from kshot.sampling import Sampler

REPORT_SECONDS = 0.5
"""How often progress is told, at most: reading the loss waits for the device."""

HALVINGS = 5


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve.

    Attributes:
        episodes: trained so far.
        loss: mean training loss since the last point.
        validation: accuracy on validation episodes, where they were scored.
    """

    episodes: int
    loss: float
    validation: Interval | None


@dataclass
class Training:
    """What a training left behind.

    Attributes:
        episodes: trained.
        seconds: spent training, validation not counted.
        curve: the learning curve.
    """

    episodes: int = 0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list[CurvePoint])


Progress = Callable[[int, float, float], None]
"""Called with episodes trained, mean loss since the last call, seconds trained."""


def trainable(learner: nn.Module) -> list[nn.Parameter]:
    """The parameters that training would change."""
    return [parameter for parameter in learner.parameters() if parameter.requires_grad]


def train(
    learner: Learner,
    loader: Loader,
    sampler: Sampler,
    options: Train,
    *,
    validate: Callable[[int], Interval] | None = None,
    progress: Progress = lambda episodes, loss, seconds: None,
) -> Training:
    """Train a learner on episodes 0 … ``options.episodes`` - 1 of ``sampler``.

    The learner is left in training mode. An encoder none of whose parameters train stays in
    evaluation mode throughout: a frozen encoder keeps its running statistics too.

    Args:
        learner: on the loader's device.
        loader: the training split's tensors.
        sampler: the training episodes.
        options: episodes, meta-batch, optimiser and schedule.
        validate: scores the learner, given the episodes trained so far; called
            ``options.validations`` times, evenly spread.
        progress: told how far training is, a few times a second at most.

    Raises:
        CellError: the loss is not finite; names the episodes between which it happened.
    """
    parameters = trainable(learner)
    optimizer = _optimizer(parameters, options)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(options))
    generator = torch.Generator(loader.device).manual_seed(sampler.seed)
    encoder = learner.encoder
    augmenter = encoder if isinstance(encoder, Encoder) and encoder.augments else None
    stops = _validation_stops(options) if validate else []
    result = Training()
    losses = _MeanLoss(loader.device)
    point = _MeanLoss(loader.device)
    _training_mode(learner)
    started = last_report = time.perf_counter()
    for episodes in loader.episodes(sampler, 0, options.episodes, options.meta_batch):
        if augmenter:
            episodes = _augmented(augmenter, episodes, generator)
        loss = learner.loss(episodes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if options.clip is not None:
            nn.utils.clip_grad_norm_(parameters, options.clip)
        optimizer.step()
        scheduler.step()
        losses.add(loss)
        point.add(loss)
        result.episodes += len(episodes)
        finished = result.episodes >= options.episodes
        if (stops and result.episodes >= stops[0]) or finished:
            mean = point.take(result.episodes)
            paused = time.perf_counter()
            validation = (
                validate(result.episodes) if validate and stops and result.episodes >= stops[0] else None
            )
            stops = [stop for stop in stops if stop > result.episodes]
            result.curve.append(CurvePoint(result.episodes, mean, validation))
            _training_mode(learner)
            started += time.perf_counter() - paused
        now = time.perf_counter()
        if now - last_report >= REPORT_SECONDS or finished:
            last_report = now
            progress(result.episodes, losses.take(result.episodes), now - started)
    result.seconds = time.perf_counter() - started
    return result


class _MeanLoss:
    """A running mean that stays on the device until it is asked for."""

    def __init__(self, device: torch.device) -> None:
        self._sum = torch.zeros((), device=device)
        self._count = 0

    def add(self, loss: Tensor) -> None:
        self._sum += loss.detach()
        self._count += 1

    def take(self, episodes: int) -> float:
        """The mean since the last call."""
        if self._count == 0:
            return math.nan
        mean = float(self._sum) / self._count
        if not math.isfinite(mean):
            raise CellError(
                f"the training loss became {mean} in the {self._count} steps before episode {episodes}; "
                "lower train.learning_rate or set train.clip"
            )
        self._sum.zero_()
        self._count = 0
        return mean


def _training_mode(learner: Learner) -> None:
    learner.train()
    if not trainable(learner.encoder):
        learner.encoder.eval()


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


def _optimizer(parameters: list[nn.Parameter], options: Train) -> torch.optim.Optimizer:
    rate, decay = options.learning_rate, options.weight_decay
    if options.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, momentum=0.9)


def _schedule(options: Train) -> Callable[[int], float]:
    """Step number → factor of the learning rate."""
    steps = max(1, math.ceil(options.episodes / options.meta_batch))
    if options.schedule == "cosine":
        return lambda step: 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    if options.schedule == "halving":
        return lambda step: 0.5 ** min(HALVINGS - 1, HALVINGS * step // steps)
    return lambda step: 1.0


def _validation_stops(options: Train) -> list[int]:
    """Numbers of episodes after which validation is due, the last at the end."""
    count = options.validations
    return sorted({-(-options.episodes * (k + 1) // count) for k in range(count)} - {0})
