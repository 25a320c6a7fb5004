"""What an encoder is taught before episodes: which examples make a step, and the loss of one."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kshot.functional import embed_flat
from kshot.interfaces import Encoder, PretrainHead
from kshot.loading import Gather, trimmed
from kshot.sampling import Catalogue

COSINE_SCALE = 10.0
"""Start of the cosine head's factor, which is learnt; Chen et al. fix 2, or 30 beyond 200 classes."""

TEMPERATURE, LARGEST_SCALE = 0.07, 100.0
"""Start of the temperature of paired modalities, and the largest factor that it may come to (CLIP)."""


class Objective(nn.Module, ABC):
    """What is learnt beside the encoder, and thrown away."""

    @abstractmethod
    def batches(self, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """Positions of the examples of each step, in a random order that seed and epoch determine.

        Args:
            size: examples, or classes, per step.
            seed: of the order.
            epoch: number of the pass over the training examples.
        """

    @abstractmethod
    def loss(self, encoder: Encoder, gather: Gather, positions: np.ndarray) -> Tensor:
        """Mean loss of one step, in nats.

        Args:
            encoder: what learns.
            gather: positions of one part → inputs with leaves (B, …), augmented.
            positions: as :meth:`batches` gives them.
        """


def objective_of(catalogue: Catalogue, dim: int, head: PretrainHead) -> Objective:
    """The objective for a training split: pairs where it has several modalities, classes where one."""
    if catalogue.blocks is not None:
        return Pairs(catalogue)
    return Classes(catalogue, dim, head)


@final
class Classes(Objective):
    """Ordinary classification of the training classes by a linear or cosine head.

    Args:
        catalogue: N training examples.
        dim: width of the embeddings.
        head: ``linear`` or ``cosine``.
    """

    def __init__(self, catalogue: Catalogue, dim: int, head: PretrainHead) -> None:
        super().__init__()
        classes = len(catalogue.classes)
        self._labels = torch.from_numpy(catalogue.labels)
        self.head = nn.Linear(dim, classes) if head == "linear" else _Cosine(dim, classes)

    def batches(self, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """(B,) positions, every example once; no batch of a single one."""
        order = _generator(seed, epoch).permutation(len(self._labels))
        yield from _cut(order, size)

    def loss(self, encoder: Encoder, gather: Gather, positions: np.ndarray) -> Tensor:
        """Cross-entropy of (B,) examples."""
        logits = self.head(embed_flat(encoder, gather(positions)))
        labels = self._labels[torch.from_numpy(positions)].to(logits.device)
        return F.cross_entropy(logits.float(), labels)


@final
class Pairs(Objective):
    """Examples of a class in two modalities find each other among those of other classes (InfoNCE).

    Oord, Li, Vinyals, "Representation learning with contrastive predictive coding", 2018; symmetric and
    with a learnt temperature as in Radford et al. (CLIP), ICML 2021. With unit embeddings a_i and b_i
    of an example of class i in two parts, in a batch of B classes::

        loss = ½ CE(softmax_j(a_i · b_j / τ), i) + ½ CE(softmax_j(b_i · a_j / τ), i)

    and its mean over all pairs of parts. A batch holds a class once, so that every other is a true
    negative. Which examples are paired is drawn anew in each epoch.

    Args:
        catalogue: of several parts.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        blocks = catalogue.blocks
        assert blocks is not None
        parts = len(blocks.names)
        group = catalogue.labels * parts + blocks.of
        # Within a class the parts stand in order, so groups lie one after the other.
        sizes = np.bincount(group, minlength=parts * len(catalogue.classes))
        self._sizes = sizes.reshape(-1, parts)
        self._starts = (np.cumsum(sizes) - sizes).reshape(-1, parts)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))

    def batches(self, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """(B, parts) positions of B classes, one example of each in each part.

        Every example of a class's largest part comes once, those of its smaller ones in turns.
        """
        random = _generator(seed, epoch)
        rounds = int(self._sizes.max())
        # For each class and part a random order of its examples, repeated as often as needed.
        keys = random.random((*self._sizes.shape, rounds))
        keys[np.arange(rounds) >= self._sizes[..., None]] = 2.0
        order = np.argsort(keys, axis=-1)
        largest = self._sizes.max(axis=1)
        for turn in range(rounds):
            classes = random.permutation(np.flatnonzero(largest > turn))
            for some in _cut(classes, size):
                place = (turn % self._sizes[some])[..., None]
                member = np.take_along_axis(order[some], place, axis=-1)[..., 0]
                yield self._starts[some] + member

    def loss(self, encoder: Encoder, gather: Gather, positions: np.ndarray) -> Tensor:
        """InfoNCE between the columns of (B, parts) positions, both ways."""
        inputs = [gather(column) for column in positions.T]
        if self.log_scale.device.type == "cpu":  # elsewhere the length would have to be waited for
            inputs = [trimmed(one) for one in inputs]
        embedded = [F.normalize(embed_flat(encoder, one).float(), dim=-1) for one in inputs]
        scale = self.log_scale.clamp(max=math.log(LARGEST_SCALE)).exp()
        wanted = torch.arange(len(positions), device=embedded[0].device)
        losses: list[Tensor] = []
        for one, other in itertools.combinations(embedded, 2):
            logits = scale * one @ other.mT
            losses += [F.cross_entropy(logits, wanted), F.cross_entropy(logits.mT, wanted)]
        return torch.stack(losses).mean()


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


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, epoch]))


def _cut(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Stretches of ``size``; none of a single one, which has nothing to be told from."""
    for start in range(0, len(order), size):
        if len(batch := order[start : start + size]) > 1:
            yield batch


def augmented(encoder: Encoder, gather: Gather, generator: torch.Generator) -> Gather:
    """What gathers, its inputs varied by the encoder."""

    def vary(positions: np.ndarray) -> dict[str, Tensor]:
        with torch.autocast(generator.device.type, enabled=False):
            return dict(encoder.augment(gather(positions), generator))

    return vary
