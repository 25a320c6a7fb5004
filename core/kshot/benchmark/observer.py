"""The shipped observer: looks inside a cell's learner now and then, and keeps what it saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor

from kshot.episode import Episodes
from kshot.errors import KshotError
from kshot.functional.noting import Values
from kshot.hookspecs import hookimpl
from kshot.results import Inside, Moment, read_entry, write_entry

LOOKS = 24
"""Batches looked into in a training, evenly spread."""

EVALUATED = 32
"""Episodes looked into in an evaluation, for each shape, as whole batches."""

Figures = Iterator[tuple[str, int | None, Tensor]]
"""A name, its inner step where it is of one, and a tensor whose mean is the figure."""


@final
class Observer:
    """Observes one cell through the hooks that any plugin has.

    When it looks depends on how many episodes are done, never on a clock. Each look is written
    before the training's next checkpoint is, so a training that is cut off goes on to the same file.

    Args:
        path: of the file.
        training: hash of what the cell's training depends on.
    """

    def __init__(self, path: Path, training: str) -> None:
        self._path, self._training = path, training
        self._moments = [one for one in _earlier(path, training) if one.stage == "train"]
        self._means: _Means | None = None
        self._labels = torch.empty(0)

    @hookimpl
    def kshot_batch_started(self, stage: str, shape: str, episodes: int, total: int, batch: Episodes) -> None:
        """Look at this batch, or not."""
        if stage == "train":
            self._moments = [one for one in self._moments if one.episodes < episodes]
            self._means = _Means("train", shape, episodes) if self._due(episodes, total) else None
        elif stage == "evaluate" and episodes == 0:
            self._means = _Means("evaluate", shape, 0)
        elif stage == "validate" or episodes >= EVALUATED:
            self._means = None
        if self._means:
            self._means.seen += len(batch)
            self._labels = batch.query_labels

    @hookimpl
    def kshot_inner_step(self, step: int, values: Values) -> None:
        """Take every figure of the step."""
        if self._means:
            for name, value in values().items():
                self._means.add(name, step, value, len(self._labels[values.episodes]))

    @hookimpl
    def kshot_noted(self, name: str, values: Values) -> None:
        """Take what the note comes to."""
        if self._means:
            labels = self._labels[values.episodes]
            for figure, step, value in SUMMARIES.get(name, _plain)(values(), labels):
                self._means.add(figure, step, value, len(labels))

    @hookimpl
    def kshot_batch_finished(self, stage: str, loss: Tensor) -> None:
        """Write down what was seen."""
        if self._means is None:
            return
        if stage == "train" and self._means.of_steps:
            self._means.add("loss/query", None, loss, len(self._labels))
        if self._means.seen_anything:
            moment = self._means.moment()
            same = (moment.stage, moment.shape, moment.episodes)
            others = [one for one in self._moments if (one.stage, one.shape, one.episodes) != same]
            self._moments = [*others, moment]
            write_entry(self._path, Inside(training=self._training, moments=self._moments))
        if stage == "train":
            self._means = None

    def _due(self, episodes: int, total: int) -> bool:
        """True for the first batch in each of the training's equal stretches."""
        last = max((one.episodes for one in self._moments), default=None)
        return last is None or episodes * LOOKS // total > last * LOOKS // total


def _earlier(path: Path, training: str) -> list[Moment]:
    """What an observer saw of the same training before it was cut off."""
    try:
        found = read_entry(path, Inside)
    except KshotError:  # none yet, or damaged
        return []
    return found.moments if found.training == training else []


@final
class _Means:
    """Figures of the batches of one moment, weighted by their episodes.

    Attributes:
        seen: episodes of these batches.
    """

    def __init__(self, stage: Literal["train", "evaluate"], shape: str, episodes: int) -> None:
        self._stage: Literal["train", "evaluate"] = stage
        self._shape, self._episodes = shape, episodes
        self._sums: dict[tuple[str, int | None], tuple[float, int]] = {}
        self.seen = 0

    def add(self, name: str, step: int | None, value: Tensor, episodes: int) -> None:
        """The figure of so many episodes; waits for the device."""
        total, weight = self._sums.get((name, step), (0.0, 0))
        mean = float(value.double().mean())
        self._sums[name, step] = (total + episodes * mean, weight + episodes)

    @property
    def of_steps(self) -> bool:
        """True where there are figures of inner steps."""
        return any(step is not None for _, step in self._sums)

    @property
    def seen_anything(self) -> bool:
        """True where there are figures at all."""
        return bool(self._sums)

    def moment(self) -> Moment:
        """All figures, to five digits."""
        means = {key: float(f"{total / weight:.5g}") for key, (total, weight) in self._sums.items()}
        steps: dict[str, dict[int, float]] = {}
        for (name, step), mean in means.items():
            if step is not None:
                steps.setdefault(name, {})[step] = mean
        return Moment(
            stage=self._stage,
            shape=self._shape,
            episodes=self._episodes,
            seen=self.seen,
            steps={name: [own.get(step) for step in range(max(own) + 1)] for name, own in steps.items()},
            values={name: mean for (name, step), mean in means.items() if step is None},
        )


def _plain(values: Mapping[str, Tensor], labels: Tensor) -> Figures:
    """Of a note that nothing is known of: the mean of each tensor."""
    del labels
    for name, value in values.items():
        yield name, None, value


def _adapted(values: Mapping[str, Tensor], labels: Tensor) -> Figures:
    """Losses and accuracy after each inner step: ``logits`` (K + 1, T, Q, way), labels (T, Q)."""
    logits = values["logits"]
    for step, own in enumerate(logits):
        yield "loss/query", step, F.cross_entropy(own.flatten(0, 1).float(), labels.flatten())
        yield "accuracy/query", step, own.argmax(-1) == labels
    yield "loss/support", len(logits) - 1, values["loss/support"]


def _attention(values: Mapping[str, Tensor], labels: Tensor) -> Figures:
    """Of ``weights`` (T, Q, S) over a support with ``labels`` (T, S), for queries with labels (T, Q).

    The entropy is a share of that of even attention, log S.
    """
    weights = values["weights"].double()
    same = labels.unsqueeze(-1) == values["labels"].unsqueeze(1)
    yield "attention/on the right class", None, (weights * same).sum(-1)
    if weights.shape[-1] > 1:
        yield "attention/entropy", None, torch.special.entr(weights).sum(-1) / math.log(weights.shape[-1])


SUMMARIES: Mapping[str, Callable[[Mapping[str, Tensor], Tensor], Figures]] = {
    "adapted": _adapted,
    "attention": _attention,
}
"""What a note comes to, by its name."""
