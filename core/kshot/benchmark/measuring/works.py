"""What takes time in a cell's run, a little of each, to be done again and again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from kshot.benchmark.data import Data
from kshot.benchmark.learner import build_learner
from kshot.benchmark.measuring.held import hold
from kshot.benchmark.plan import PlannedCell
from kshot.benchmark.roads import embeds_beforehand
from kshot.benchmark.tuned import build_encoder
from kshot.encoders import Tuned
from kshot.episode import Episodes
from kshot.errors import DataError
from kshot.evaluation import batch_size, evaluate
from kshot.functional import chosen
from kshot.functional.fitting import Fitting
from kshot.interfaces import Learner
from kshot.loading import embed_examples
from kshot.sampling import AnySampler, firsts
from kshot.shapes import SPLITS, Split
from kshot.training import Alone, precision, trainable, training_mode

STEPS = 2
"""Training steps that are timed together."""

EXAMPLES = 256
"""Examples that are embedded together where each is embedded once."""

BATCHES = 2
"""Batches of test episodes that are timed together: threads take one each."""


@dataclass(frozen=True, eq=False)
class Work:
    """A part of a cell's run.

    Attributes:
        name: such as ``train``.
        do: a little of it, under the strategy that holds where it is called.
        times: how often a run does as much.
        depends: keys of a strategy on which its time may depend.
    """

    name: str
    do: Callable[[], None]
    times: float
    depends: frozenset[str]


@final
class Bench:
    """A cell's encoder and learner, and what a run of it does with them.

    Args:
        cell: of a plan.
        data: its sources.
        device: where it computes.

    Raises:
        KshotError: the cell cannot be built.
    """

    def __init__(self, cell: PlannedCell, data: Data, device: torch.device) -> None:
        self._cell, self._data, self._device = cell, data, device
        self._source = data.source(cell.source)
        options = cell.settings.evaluate
        shapes = options.all_shapes()
        self._samplers = [data.sampler(cell.source, "test", shape, options.seed) for shape in shapes]
        self._tuned: Tuned = build_encoder(cell, data)
        self.encoder = self._tuned.encoder.to(device)
        self.learner: Learner = build_learner(cell, self.encoder, self._samplers).to(device)
        self._first = firsts(self._source.catalogue("test"))
        self._examples = hold(self._source, "test", self.encoder, device, self._first)

    def works(self) -> list[Work]:
        """What takes time; pretraining is left to the shipped table, and so is what is done with embeddings."""
        if embeds_beforehand(self._tuned, self.learner):
            return [self._embedding(sum(map(self._count, SPLITS)))]
        settings = self._cell.settings
        works: list[Work] = []
        if self.learner.trains and trainable(self.learner) and settings.train.episodes:
            works.append(self._training())
        if self.learner.batch_statistics == "frozen" and not self.learner.adapts_encoder:
            return [*works, self._embedding(len(self._used()))]
        # A learner that wants the training set's embeddings has none here.
        scored = [] if self.learner.wants_base else self._samplers
        return [*works, *map(self._evaluation, scored)]

    @property
    def pictures(self) -> bool:
        """True where a memory format can matter."""
        inputs = [leaf for one in self._first for leaf in self._examples.gather(np.array([one])).values()]
        convolves = any(isinstance(module, nn.Conv2d) for module in self.encoder.modules())
        return convolves and any(leaf.ndim == 4 for leaf in inputs)

    def _training(self) -> Work:
        options = self._cell.settings.train
        count = STEPS * options.meta_batch
        sampler = self._data.sampler(self._cell.source, "train", options.shape, 0, options.meta_batch)
        loader = hold(self._source, "train", self.encoder, self._device, self._drawn(sampler, count))
        batches = list(loader.episodes(sampler, 0, count, options.meta_batch))
        groups: defaultdict[object, Alone] = defaultdict(Alone)

        def loss(learner: Learner, episodes: Episodes) -> Tensor:
            with precision(options, self._device):
                return learner.loss(episodes)

        def do() -> None:
            training_mode(self.learner)
            # How a batch is shared among threads is settled at the first: a group for each strategy.
            group = groups[chosen()]
            for batch in batches:
                self.learner.zero_grad(set_to_none=True)
                group.gradients(self.learner, batch, loss, Fitting())

        depends = {"tasks", "channels_last", *(["concurrent"] if options.meta_batch > 1 else [])}
        return Work("train", do, options.episodes / count, frozenset(depends))

    def _evaluation(self, sampler: AnySampler) -> Work:
        whole = sampler.count(self._cell.settings.evaluate.episodes)
        count = min(whole, BATCHES * batch_size(self.learner, self._examples, sampler))
        positions = np.concatenate([self._first, self._drawn(sampler, count)])
        loader = hold(self._source, "test", self.encoder, self._device, positions)

        def do() -> None:
            evaluate(self.learner, loader, [sampler], count)

        depends = frozenset({"tasks", "concurrent", "channels_last"})
        return Work(f"evaluate {sampler.shape}", do, whole / count, depends)

    def _embedding(self, whole: int) -> Work:
        positions = self._used()[:EXAMPLES]
        loader = hold(self._source, "test", self.encoder, self._device, positions)

        @torch.no_grad()
        def do() -> None:
            embed_examples(self.encoder, loader, positions)

        depends = frozenset({"concurrent", "channels_last", "chunk"})
        return Work("embed", do, whole / len(positions), depends)

    def _used(self) -> np.ndarray:
        """Positions of the test examples that the test episodes are made of."""
        episodes = self._cell.settings.evaluate.episodes
        return np.unique(np.concatenate([self._drawn(one, one.count(episodes)) for one in self._samplers]))

    def _drawn(self, sampler: AnySampler, episodes: int) -> np.ndarray:
        blocks = list(sampler.blocks(episodes))
        return np.unique(
            np.concatenate([side.reshape(-1) for one in blocks for side in (one.support, one.query)])
        )

    def _count(self, split: Split) -> int:
        try:
            return len(self._source.catalogue(split))
        except DataError:  # a source need not have all splits
            return 0
