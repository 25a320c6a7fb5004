"""Every check of an encoder passes a sound one, and catches the breakage it is there for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from unittest import SkipTest

import numpy as np
import pytest
import torch
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject
from torch import Tensor, nn

WIDTH = 3


class Sound(Encoder):
    """Sequences of different lengths: a masked mean of a linear layer, centred by what fit saw."""

    modality = "sequence"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 4
        self.first = nn.Linear(WIDTH, 5)
        self.last = nn.Linear(5, 4)
        self.register_buffer("mean", torch.zeros(WIDTH))

    def fit(self, raw: Sequence[np.ndarray]) -> None:
        self.mean.copy_(torch.from_numpy(np.concatenate(list(raw))).mean(0))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        for one in raw:
            if not isinstance(one, np.ndarray):
                raise DataError(f"a sequence is an array, not {type(one).__name__}")
        frames = [torch.from_numpy(one) for one in raw]
        mask = [torch.ones(len(one), dtype=torch.int64) for one in frames]
        pad = torch.nn.utils.rnn.pad_sequence
        return {"values": pad(frames, batch_first=True), "attention_mask": pad(mask, batch_first=True)}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.last(self.pooled(torch.tanh(self.first(inputs["values"] - self.mean)), inputs))

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        mask = inputs["attention_mask"].unsqueeze(2).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        names = [name for name, _ in self.named_parameters()]
        return {"last": [name for name in names if name.startswith("last.")], "all": names}


class WrongWidth(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.dim = 6


class NoModality(Sound):
    modality = ""


class NotFinite(Sound):
    def forward(self, inputs: Inputs) -> Tensor:
        return super().forward(inputs).abs().neg().sqrt()


class SeesCompanions(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) - super().pooled(hidden, inputs).mean(0)


class KnowsItsPlace(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + torch.arange(len(hidden)).unsqueeze(1)


class ScalesTheBatch(Sound):
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        return {**inputs, "values": inputs["values"] / inputs["values"].abs().max()}


class AveragesPadding(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return hidden.mean(1)


class LeansOnZeros(Sound):
    """Right as long as padding is zero."""

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + inputs["values"].sum((1, 2)).unsqueeze(1)


class PreparesByChance(Sound):
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        return {**inputs, "values": inputs["values"] + torch.rand(())}


class DropsAlways(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return torch.nn.functional.dropout(super().pooled(hidden, inputs), 0.5, training=True)


class DropsInTraining(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return torch.nn.functional.dropout(super().pooled(hidden, inputs), 0.5, self.training)


class Remembers(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        self.hidden = hidden
        return super().pooled(hidden, inputs)


class AugmentsByChance(Sound):
    augments = True

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {**inputs, "values": inputs["values"] + torch.rand(())}


class AugmentsInSecret(Sound):
    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {**inputs, "values": inputs["values"] + torch.rand((), generator=generator)}


class AugmentsLonger(Sound):
    augments = True

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {name: torch.cat([leaf, leaf], dim=1) for name, leaf in inputs.items()}


class TakesAnything(Sound):
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        return super().prepare([one if isinstance(one, np.ndarray) else np.zeros((1, WIDTH)) for one in raw])


class Crashes(Sound):
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        return super().prepare([one[:99] for one in raw])


class ForgetsFit(Sound):
    def __init__(self) -> None:
        super().__init__()
        del self.mean
        self.mean: Tensor = torch.zeros(WIDTH)

    def forward(self, inputs: Inputs) -> Tensor:
        return self.last(
            self.pooled(torch.tanh(self.first(inputs["values"] - self.mean.to(inputs["values"]))), inputs)
        )


class ForgetsVocabulary(Sound):
    """``prepare`` depends on what no state dict holds."""

    scale = 1.0

    def fit(self, raw: Sequence[np.ndarray]) -> None:
        self.scale = 2.0

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        return {**inputs, "values": inputs["values"] * self.scale}


class Groups(Sound):
    groups: Mapping[str, Sequence[str]]

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        return {**super().parameter_groups(), **self.groups}


class UnknownGroup(Groups):
    groups = MappingProxyType({"head": ["last.weight"]})


class UnknownName(Groups):
    groups = MappingProxyType({"last": ["third.weight"]})


class EmptyGroup(Groups):
    groups = MappingProxyType({"last": []})


class LeavesOut(Groups):
    groups = MappingProxyType({"all": ["last.weight"]})


class Unused(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(2, 2)


class InfiniteGradient(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + (hidden - hidden).sum((1, 2)).sqrt().unsqueeze(1)


class _FirstOrder(torch.autograd.Function):
    """x², whose gradient takes x for a constant when it is differentiated in turn."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.square()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0].detach() * gradient


class FirstOrder(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(_FirstOrder.apply(hidden), inputs)


class FusedNorm(Sound):
    """torch's layer norm, whose second derivatives are wrong under vmap."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(5)

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return self.norm(super().pooled(hidden, inputs))


BREAKAGES = [
    ("shapes", WrongWidth, "dim = 6"),
    ("shapes", NoModality, "modality is ''"),
    ("shapes", NotFinite, "not finite"),
    ("companions", SeesCompanions, "depends on its companions"),
    ("companions", KnowsItsPlace, "companions|place"),
    ("companions", ScalesTheBatch, "prepared with"),
    ("padding", AveragesPadding, "more padding changes"),
    ("padding", LeansOnZeros, "stands in the padding"),
    ("determinism", PreparesByChance, "in two ways"),
    ("determinism", DropsAlways, "embeds the same inputs in two ways"),
    ("determinism", DropsInTraining, "in training mode it draws from torch's random state"),
    ("determinism", Remembers, "attribute 'hidden'"),
    ("augment", AugmentsByChance, "two results"),
    ("augment", AugmentsInSecret, "augments is False"),
    ("augment", AugmentsLonger, "shapes"),
    ("hostile", TakesAnything, "is accepted"),
    ("hostile", Crashes, "raises TypeError"),
    ("round_trip", ForgetsFit, "loaded from its state_dict it embeds otherwise"),
    ("round_trip", ForgetsVocabulary, "loaded from its state_dict it prepares otherwise"),
    ("groups", UnknownGroup, "groups are"),
    ("groups", UnknownName, "third.weight"),
    ("groups", EmptyGroup, "is empty"),
    ("groups", LeavesOut, "leaves out"),
    ("gradients", Unused, "unused.weight"),
    ("gradients", InfiniteGradient, "not finite"),
    ("second_order", FirstOrder, "second derivatives are wrong"),
    ("vmap", FusedNorm, "than a loop"),
]


def subject(build: Callable[[], Encoder]) -> Subject:
    generator = np.random.Generator(np.random.Philox(key=0))

    def sequence(label: int) -> np.ndarray:
        length = int(generator.integers(2, 7))
        return (generator.normal(size=(length, WIDTH)) + label).astype(np.float32)

    return Subject("sequences", build, [[sequence(label) for _ in range(8)] for label in range(6)])


@pytest.mark.parametrize("check", ENCODER_CHECKS)
def test_a_sound_encoder_passes(check: str) -> None:
    ENCODER_CHECKS[check](subject(Sound))


IDS = [f"{check}-{encoder.__name__}" for check, encoder, _ in BREAKAGES]


@pytest.mark.parametrize(("check", "encoder", "found"), BREAKAGES, ids=IDS)
def test_a_broken_encoder_is_caught(check: str, encoder: type[Encoder], found: str) -> None:
    with pytest.raises(AssertionError, match=found) as caught:
        ENCODER_CHECKS[check](subject(encoder))
    assert f"{encoder.__name__} with sequences" in str(caught.value)


def test_every_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in BREAKAGES} == set(ENCODER_CHECKS)


def test_an_encoder_that_says_so_is_not_mapped() -> None:
    class Declared(FusedNorm):
        vmap = False

    with pytest.raises(SkipTest, match="vmap = False"):
        ENCODER_CHECKS["vmap"](subject(Declared))
    ENCODER_CHECKS["second_order"](subject(Declared))
