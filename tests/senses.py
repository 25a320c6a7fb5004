"""Two made-up modalities of the same classes: what one sees of them the other hears, turned and stretched."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from kshot import EncoderSpec, SourceSpec
from kshot.config import Loading, Pretrain
from kshot.encoders import Joint
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder, Presentation, Sensed, Source, Split
from kshot.loading import Loader, PartedLoader, SensedSource, make_loader
from kshot.sampling import Catalogue
from kshot.sources import Aligned
from kshot.specs import Spec
from kshot.testing import Subject, Toy
from kshot.training import pretrain
from torch import Tensor, nn

Sense = Literal["sight", "sound"]
WIDTHS = {"sight": 16, "sound": 20}


class Sensing(Source):
    """The toy's classes in one modality; sight and sound have other examples of them.

    Args:
        sense: the modality.
        classes, examples, noise: of each split, of each class, as the toy has it.
        lacking: classes of each split that are not there, from the first.
    """

    def __init__(
        self,
        sense: Sense,
        *,
        classes: int = 12,
        examples: int = 12,
        noise: float = 1.0,
        lacking: int = 0,
    ) -> None:
        self.modality = sense
        toy = Toy(classes=classes, examples=2 * examples, noise=noise)
        turned = np.random.Generator(np.random.Philox(key=7)).normal(size=(16, WIDTHS["sound"])) / 4
        self._seen = [toy.fetch(row) for row in range(3 * classes * 2 * examples)]
        if sense == "sound":
            self._seen = [(vector @ turned).astype(np.float32) for vector in self._seen]
        self._catalogues: dict[Split, Catalogue] = {}
        for split in ("train", "validation", "test"):
            whole = toy.catalogue(split)
            half = np.arange(len(whole)) // examples % 2 == (sense == "sound")
            kept = np.flatnonzero(half & (whole.labels >= lacking))
            names = [whole.classes[number] for number in whole.labels[kept]]
            self._catalogues[split] = Catalogue.build(
                names,
                [f"{place % examples:02d}" for place in kept],
                rows=whole.rows[kept],
                version=f"{sense} {noise}",
            )

    def catalogue(self, split: Split) -> Catalogue:
        return self._catalogues[split]

    def fetch(self, row: int) -> np.ndarray:
        return self._seen[row]

    def present(self, raw: np.ndarray) -> Presentation:
        return Presentation("text/plain", f"{self.modality} {raw[0]:+.2f}".encode())


def sight(*, classes: int = 12, lacking: int = 0, examples: int = 12) -> Source:
    return Sensing("sight", classes=classes, lacking=lacking, examples=examples)


def sound(*, classes: int = 12, lacking: int = 0, examples: int = 12) -> Source:
    return Sensing("sound", classes=classes, lacking=lacking, examples=examples)


class SenseEncoder(Encoder):
    """A perceptron. Both senses name their inputs alike."""

    def __init__(self, sense: Sense, dim: int, norm: bool) -> None:
        super().__init__()
        self.modality, self.dim = sense, dim
        self.first = nn.Linear(WIDTHS[sense], 16)
        self.norm = nn.BatchNorm1d(16) if norm else nn.Identity()
        self.last = nn.Linear(16, dim)

    def prepare(self, raw: Sequence[np.ndarray]) -> Inputs:
        vectors = np.stack(list(raw))
        if vectors.shape[1:] != (WIDTHS[self.modality],):
            raise DataError(f"{self.modality} is {WIDTHS[self.modality]} numbers, not {vectors.shape[1:]}")
        return {"values": torch.from_numpy(vectors)}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.last(torch.relu(self.norm(self.first(inputs["values"]))))


def see(*, dim: int = 8, norm: bool = False) -> Encoder:
    return SenseEncoder("sight", dim, norm)


def hear(*, dim: int = 6, norm: bool = False) -> Encoder:
    return SenseEncoder("sound", dim, norm)


SENSES: list[tuple[str, Spec]] = [
    ("sources", SourceSpec("sight", "what is seen", "tests.senses:sight", modality="sight")),
    ("sources", SourceSpec("sound", "what is heard", "tests.senses:sound", modality="sound")),
    ("encoders", EncoderSpec("see", "a perceptron", "tests.senses:see", modality="sight")),
    ("encoders", EncoderSpec("hear", "a perceptron", "tests.senses:hear", modality="sound")),
]


def raw(sense: Sense) -> list[list[Sensed]]:
    """Training examples, class by class."""
    source = Sensing(sense)
    catalogue = source.catalogue("train")
    ends = zip(catalogue.offsets[:-1], catalogue.offsets[1:], strict=True)
    return [
        [Sensed(sense, source.fetch(int(row))) for row in catalogue.rows[start:stop]] for start, stop in ends
    ]


def joint(*, norm: bool = False, **options: Any) -> Joint:
    """A small joint encoder of both senses."""
    return Joint(of={"sight": see(norm=norm), "sound": hear(norm=norm)}, **{"dim": 8, **options})


def across(*, norm: bool = False) -> Subject:
    """Support seen, queries heard."""
    return Subject("sight to sound", lambda: joint(norm=norm), raw("sight"), asked=raw("sound"))


CPU = torch.device("cpu")


def loader_of(source: Source, split: Split, encoder: Encoder, options: Loading | None = None) -> Loader:
    """Of an aligned source."""
    parts = [
        make_loader(SensedSource(part), part.catalogue(split), encoder, CPU, options or Loading())
        for part in source.parts.values()
    ]
    return PartedLoader(source.catalogue(split), parts)


@functools.cache
def _brought_together() -> Mapping[str, Tensor]:
    source = Aligned(of={sense: Sensing(sense, classes=40) for sense in ("sight", "sound")})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = joint()
    loader = loader_of(source, "train", encoder)
    pretrain(encoder, loader, Pretrain(epochs=30, batch=40, learning_rate=0.01), "linear", 0)
    return encoder.state_dict()


def _paired() -> Joint:
    encoder = joint()
    encoder.load_state_dict(_brought_together())
    return encoder


def paired() -> Subject:
    """Support seen, queries heard, by an encoder that was pretrained on other classes in pairs."""
    return Subject("sight to sound, pretrained", _paired, raw("sight"), asked=raw("sound"))
