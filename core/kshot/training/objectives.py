"""What a pretraining asks of an encoder: to tell classes, or to pair modalities."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.errors import CellError
from kshot.functional import embed_flat
from kshot.interfaces import PretrainHead
from kshot.loading import Loader

COSINE_SCALE = 10.0
"""Start of the cosine head's factor, which is learnt; Chen et al. fix 2, or 30 beyond 200 classes."""

TEMPERATURE = 0.07
"""Start of InfoNCE's temperature, which is learnt, as in CLIP."""
MOST_SCALE = 100.0
"""Largest factor of the cosines, 1 / temperature: beyond it CLIP found training unstable."""

Gather = Callable[[np.ndarray], Inputs]
"""(B,) positions, all of one part → leaves (B, …), varied as training varies them."""


class Objective(ABC):
    """A loss over batches of training examples, with a head that is thrown away.

    Attributes:
        head: trained along with the encoder.
    """

    head: nn.Module

    @abstractmethod
    def batches(self, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """The batches of one epoch, determined by seed and epoch; positions in some shape."""

    @abstractmethod
    def loss(self, encoder: nn.Module, batch: np.ndarray, gather: Gather) -> Tensor:
        """Scalar loss of one batch."""

    def count(self, seed: int) -> int:
        """Batches of an epoch."""
        return sum(1 for _ in self.batches(seed, 0))


@final
class Classes(Objective):
    """Ordinary classification of the training classes.

    Chen et al., "A Closer Look at Few-shot Classification", ICLR 2019; Chen et al., "Meta-Baseline",
    ICCV 2021.

    Args:
        loader: the training split.
        size: examples of a batch.
        head: ``linear``, or ``cosine`` (Baseline++).
        dim: of the embedding.
    """

    def __init__(self, loader: Loader, size: int, head: PretrainHead, dim: int) -> None:
        count = len(loader.catalogue.classes)
        self.head = (nn.Linear(dim, count) if head == "linear" else _Cosine(dim, count)).to(loader.device)
        self._labels = torch.from_numpy(loader.catalogue.labels).to(loader.device)
        self._blocks, self._size = loader.catalogue.blocks, size

    def batches(self, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """(B,) positions in a random order; no batch of a single example."""
        count = len(self._labels)
        order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(count)
        for start in range(0, count, self._size):
            batch = order[start : start + self._size]
            if len(batch) > 1:
                yield batch

    def loss(self, encoder: nn.Module, batch: np.ndarray, gather: Gather) -> Tensor:
        """Mean cross-entropy."""
        groups = [np.arange(len(batch))] if self._blocks is None else self._blocks.grouped(batch)
        embedded = torch.cat([embed_flat(encoder, gather(batch[one])) for one in groups])
        labels = self._labels[torch.from_numpy(batch[np.concatenate(groups)])]
        return F.cross_entropy(self.head(embedded).float(), labels)


@final
class Pairs(Objective):
    """InfoNCE between modalities: examples of one class in two modalities belong together.

    van den Oord, Li, Vinyals, "Representation learning with contrastive predictive coding", 2018; Radford
    et al. (CLIP), ICML 2021. Of B classes, no two alike, an example in each modality is embedded as
    e^m_1 … e^m_B of length one, and for all pairs of modalities m ≠ n::

        loss = mean over i, m, n of  -log softmax over j of (s · e^m_i · e^n_j) at j = i

    The factor s is learnt, from 1 / 0.07 up to 100. Classes, not examples, are paired: any picture of a
    word belongs to any recording of it. An epoch shows about as many examples of the modality that
    has most as there are.

    Args:
        loader: the training split, of several modalities.
        size: classes of a batch; all of them, where there are fewer.

    Raises:
        CellError: one class alone, or one modality.
    """

    def __init__(self, loader: Loader, size: int) -> None:
        catalogue = loader.catalogue
        count = len(catalogue.classes)
        if catalogue.blocks is None:
            raise CellError(
                "pretrain.objective: pairs needs examples of several modalities; take a source `aligned`, or classes"
            )
        if count < 2:
            raise CellError("pretrain.objective: pairs needs two training classes at least")
        parts = len(catalogue.blocks.names)
        key = catalogue.labels * parts + catalogue.blocks.of
        self._sizes = np.bincount(key, minlength=count * parts).reshape(count, parts)
        before = np.cumsum(self._sizes, axis=1) - self._sizes
        self._starts = before + catalogue.offsets[:-1, None]
        self._size = min(size, count)
        self._steps = max(1, math.ceil(int(self._sizes.sum(axis=0).max()) / self._size))
        self.head = _Scale().to(loader.device)

    def batches(self, seed: int, epoch: int) -> Iterator[np.ndarray]:
        """(M, B) positions: of each of B classes an example in each of M modalities."""
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        classes, parts = self._sizes.shape
        order = np.empty(0, dtype=np.int64)
        for _ in range(self._steps):
            if len(order) < self._size:
                order = generator.permutation(classes)  # what is left of the last round is few
            chosen, order = order[: self._size], order[self._size :]
            sizes = self._sizes[chosen]
            places = (generator.random((self._size, parts)) * sizes).astype(np.int64)
            yield (self._starts[chosen] + places).T

    def loss(self, encoder: nn.Module, batch: np.ndarray, gather: Gather) -> Tensor:
        """Mean over all ordered pairs of modalities, in nats."""
        embedded = [F.normalize(embed_flat(encoder, gather(one)).float(), dim=1) for one in batch]
        target = torch.arange(batch.shape[1], device=embedded[0].device)
        losses: list[Tensor] = []
        for m, one in enumerate(embedded):
            for other in embedded[m + 1 :]:
                likeness = self.head(one @ other.T)
                losses += [F.cross_entropy(likeness, target), F.cross_entropy(likeness.T, target)]
        return torch.stack(losses).mean()


@final
class _Scale(nn.Module):
    """A learnt factor of cosines."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))

    def forward(self, cosines: Tensor) -> Tensor:
        """(B, B) → (B, B)."""
        return cosines * self.log_scale.exp().clamp(max=MOST_SCALE)


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
