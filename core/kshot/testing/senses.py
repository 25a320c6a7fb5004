"""Two made-up senses of the same things: numbers and words, for whatever crosses modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from kshot.encoders import Joint
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Encoder, Presentation, Sensed, Source, Split
from kshot.sampling import Catalogue
from kshot.testing.subject import Subject

WIDTH = 3
"""Numbers that a thing is: what both senses show, each in its own way."""

MOST = 32
"""Steps of a sequence that have a place of their own."""

LENGTHS = 3, 5
"""Of a sequence of the second sense."""


@final
class Sense(Source):
    """One sense of things that are points in a space of three dimensions.

    ``seen`` shows a thing as 12 numbers, ``heard`` as a sequence of 3 to 5 times 4 numbers; each by a
    fixed random map of its own, and noise. Equal seeds mean the same things.

    Args:
        sense: which.
        classes: of the training split; validation and test have a third of them each.
        examples: per class.
        noise: standard deviation of what is added.
        seed: of the things.
        lacking: so many of the first classes of each split are missing.
    """

    def __init__(
        self,
        *,
        sense: str = "seen",
        classes: int = 30,
        examples: int = 12,
        noise: float = 0.3,
        seed: int = 0,
        lacking: int = 0,
    ) -> None:
        if sense not in _MAPS:
            raise DataError(f"there is no sense '{sense}'; there are {', '.join(_MAPS)}")
        self.modality = sense
        counts = {"train": classes, "validation": -(-classes // 3), "test": -(-classes // 3)}
        points = np.random.Generator(np.random.Philox(key=seed)).normal(size=(sum(counts.values()), WIDTH))
        generator = np.random.Generator(np.random.Philox(key=[seed, 1 + list(_MAPS).index(sense)]))
        self._raw: list[np.ndarray] = []
        self._catalogues: dict[Split, Catalogue] = {}
        number = 0
        for split in SPLITS:
            labels: list[str] = []
            keys: list[str] = []
            start = len(self._raw)
            for k in range(counts[split]):
                drawn = [_shown(sense, points[number], noise, generator) for _ in range(examples)]
                number += 1
                if k >= lacking:
                    self._raw += drawn
                    labels += [f"{split}-{k:03d}"] * examples
                    keys += [f"{example:03d}" for example in range(examples)]
            version = f"sense-1 {sense} {noise} {seed}"
            self._catalogues[split] = Catalogue.build(
                labels, keys, version=version, rows=range(start, len(self._raw))
            )

    def catalogue(self, split: Split) -> Catalogue:
        """Classes and examples of one split."""
        return self._catalogues[split]

    def fetch(self, row: int) -> np.ndarray:
        """(12,) or (L, 4) float32."""
        return self._raw[row]

    def present(self, raw: np.ndarray) -> Presentation:
        """The first numbers, as text."""
        return Presentation("text/plain", " ".join(f"{value:+.1f}" for value in raw.ravel()[:4]).encode())


def _map(number: int, width: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=[7, number])).normal(size=(WIDTH, width)) / WIDTH**0.5


_MAPS: Mapping[str, np.ndarray] = {"seen": _map(0, 12), "heard": _map(1, 4 * LENGTHS[0])}


def _shown(sense: str, point: np.ndarray, noise: float, generator: np.random.Generator) -> np.ndarray:
    shown = np.tanh(point @ _MAPS[sense]) + noise * generator.normal(size=_MAPS[sense].shape[1])
    if sense == "heard":
        more = int(generator.integers(LENGTHS[0], LENGTHS[1] + 1)) - LENGTHS[0]
        shown = np.concatenate([shown.reshape(LENGTHS[0], 4), noise * generator.normal(size=(more, 4))])
    return shown.astype(np.float32)


@final
class Seeing(Encoder):
    """(B, 12) → (B, dim), a perceptron with a batch norm."""

    def __init__(self, *, dim: int = 16, norm: bool = True) -> None:
        super().__init__()
        self.modality, self.dim = "seen", dim
        width = _MAPS["seen"].shape[1]
        self.first = nn.Linear(width, 2 * dim)
        self.norm = nn.BatchNorm1d(2 * dim) if norm else nn.Identity()
        self.last = nn.Linear(2 * dim, dim)

    def prepare(self, raw: Sequence[np.ndarray]) -> Inputs:
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.last(torch.relu(self.norm(self.first(inputs["values"]))))


@final
class Hearing(Encoder):
    """(B, L, 4) → (B, dim), a perceptron at each step and the steps with their places averaged."""

    def __init__(self, *, dim: int = 16) -> None:
        super().__init__()
        self.modality, self.dim = "heard", dim
        self.place = nn.Parameter(0.5 * torch.randn(MOST, 4))
        self.first = nn.Linear(8, 4 * dim)
        self.last = nn.Linear(4 * dim, dim)

    def prepare(self, raw: Sequence[np.ndarray]) -> Inputs:
        examples = [torch.from_numpy(one) for one in raw]
        values = nn.utils.rnn.pad_sequence(examples, batch_first=True)
        mask = torch.zeros(values.shape[:2], dtype=torch.int64)
        for number, one in enumerate(examples):
            mask[number, : len(one)] = 1
        return {"values": values, "attention_mask": mask}

    def forward(self, inputs: Inputs) -> Tensor:
        values, mask = inputs["values"], inputs["attention_mask"].unsqueeze(-1)
        values = values * mask
        place = self.place[: values.shape[1]].expand_as(values)
        steps = torch.relu(self.first(torch.cat([values, values * place], dim=-1)))
        return self.last((steps * mask).sum(1) / mask.sum(1))


def joint(*, dim: int = 16, norm: bool = True) -> Joint:
    """A tiny joint encoder of both."""
    return Joint(of={"seen": Seeing(norm=norm), "heard": Hearing()}, dim=dim)


@cache
def crossmodal_subject(support: str = "seen", query: str = "heard") -> Subject:
    """The joint encoder, on episodes whose support is of one sense and whose queries are of the other."""
    return Subject(f"{support}-{query}", lambda: joint(dim=8), sensed(support), asked=sensed(query))


def sensed(sense: str, classes: int = 40, examples: int = 8, noise: float = 0.1) -> list[list[Sensed]]:
    """Raw examples of training classes, class by class."""
    source = Sense(sense=sense, classes=classes, examples=examples, noise=noise)
    catalogue = source.catalogue("train")
    ends = zip(catalogue.offsets[:-1], catalogue.offsets[1:], strict=True)
    return [[Sensed(sense, source.fetch(int(row))) for row in catalogue.rows[a:b]] for a, b in ends]
