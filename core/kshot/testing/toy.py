"""A source whose classes are points in the plane of a noisy space: learnable in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Encoder, Presentation, Source, Split
from kshot.sampling import Catalogue

MODALITY = "toy"
WIDTH = 16
_SIGNAL = 4
_LARGEST = 1e6


@final
class Toy(Source):
    """Vectors of 16 numbers: the first four are a class's own point plus noise, the others noise.

    Noise is strong in the twelve that carry nothing, so that nearest means on raw vectors do
    badly and a linear map that drops them does well.

    Args:
        classes: per split.
        examples: per class.
        noise: standard deviation of the twelve that carry nothing.
        seed: of everything.
    """

    def __init__(self, *, classes: int = 12, examples: int = 24, noise: float = 3.0, seed: int = 0) -> None:
        self.modality = MODALITY
        generator = np.random.Generator(np.random.Philox(key=seed))
        total = len(SPLITS) * classes
        points = generator.normal(size=(total, 1, _SIGNAL)) * 1.5
        signal = points + 0.3 * generator.normal(size=(total, examples, _SIGNAL))
        rest = noise * generator.normal(size=(total, examples, WIDTH - _SIGNAL))
        self._vectors = np.concatenate([signal, rest], axis=2).reshape(-1, WIDTH).astype(np.float32)
        self._catalogues: dict[Split, Catalogue] = {}
        for number, split in enumerate(SPLITS):
            rows = range(number * classes * examples, (number + 1) * classes * examples)
            labels = [f"{split}-{row // examples:03d}" for row in rows]
            self._catalogues[split] = Catalogue.build(
                labels,
                [f"{row % examples:04d}" for row in rows],
                rows=list(rows),
                version=f"toy-1 {noise} {seed}",
                class_groups={"family": {label: f"{split}-{int(label[-3:]) % 2}" for label in labels}},
                example_groups={"batch": [str(row % examples // 3) for row in rows]},
            )

    def catalogue(self, split: Split) -> Catalogue:
        """Classes and examples of one split."""
        return self._catalogues[split]

    def fetch(self, row: int) -> np.ndarray:
        """(16,) float32."""
        return self._vectors[row].copy()

    def hostile(self) -> Mapping[str, np.ndarray]:
        """Too few numbers, NaN, infinity, a matrix, and numbers near the largest."""
        plain = np.zeros(WIDTH, dtype=np.float32)
        return {
            "empty": plain[:0],
            "short": plain[:3],
            "NaN": plain + np.nan,
            "infinite": plain + np.inf,
            "a matrix": np.stack([plain, plain]),
            "huge": plain + np.float32(1e30),
        }

    def present(self, raw: np.ndarray) -> Presentation:
        """The first four numbers, as text."""
        return Presentation("text/plain", " ".join(f"{value:+.2f}" for value in raw[:_SIGNAL]).encode())


@final
class _ToyEncoder(Encoder):
    def __init__(self, dim: int, norm: bool) -> None:
        super().__init__()
        self.modality = MODALITY
        self.dim = dim
        self.first = nn.Linear(WIDTH, 2 * dim)
        self.norm = nn.BatchNorm1d(2 * dim) if norm else nn.Identity()
        self.last = nn.Linear(2 * dim, dim)

    def prepare(self, raw: Sequence[np.ndarray]) -> Inputs:
        for number, one in enumerate(raw):
            shape = getattr(one, "shape", type(one).__name__)
            if shape != (WIDTH,) or not (np.abs(one) <= _LARGEST).all():
                raise DataError(
                    f"toy: example {number} of the batch is not {WIDTH} numbers up to {_LARGEST:g}: {shape}"
                )
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.last(torch.relu(self.norm(self.first(inputs["values"]))))

    def parameter_groups(self) -> dict[str, list[str]]:
        names = [name for name, _ in self.named_parameters()]
        return {"last": [name for name in names if name.startswith("last.")], "all": names}


def toy_encoder(*, dim: int = 16, norm: Literal["batch", "none"] = "batch") -> Encoder:
    """A two-layer perceptron for the toy source, (B, 16) → (B, dim), with or without batch norm."""
    return _ToyEncoder(dim, norm == "batch")
