"""Every check of an encoder passes a sound one, and catches the breakage it is there for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.learners.prototypical import Prototypical
from kshot.testing import ENCODER_CHECKS, LEARNER_CHECKS, Subject, learner_factory, run_checks
from torch import Tensor, nn

WIDTH = 3
LARGE = 1e6


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
            if not len(one) or not (np.abs(one) < LARGE).all():
                raise DataError("a sequence is made of numbers that are not too large")
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


class Waves(Sound):
    """Turns what it pooled, in complex numbers of its inputs' type."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 5, dtype=torch.complex64))
        self.register_buffer("turn", torch.polar(torch.ones(5), torch.arange(5.0)))

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        pooled = super().pooled(hidden, inputs)
        return (((pooled * self.turn) @ self.weight) * self.turn).imag


class WrongWidth(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.dim = 6


class NoModality(Sound):
    modality = ""


class PreparesDoubles(Sound):
    """As NumPy makes numbers where nobody says otherwise."""

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        return {**inputs, "values": inputs["values"].double()}


class PreparesByWeights(Sound):
    """Leads back to a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        return {**inputs, "values": inputs["values"] * self.gain}


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


class PairsPositions(Sound):
    """Has the sequence's length in two dimensions."""

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        inputs = super().prepare(raw)
        mask = inputs["attention_mask"].float()
        return {**inputs, "adjacency": mask.unsqueeze(2) * mask.unsqueeze(1)}

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        adjacency = inputs["adjacency"].to(hidden.dtype)
        return super().pooled(adjacency @ hidden / adjacency.sum(2, keepdim=True).clamp(min=1), inputs)


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


class PassesNaN(Sound):
    """Looks at no value of a sequence."""

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        plain = [np.zeros((1, WIDTH), np.float32) if _is_spoilt(one) else one for one in raw]
        inputs = super().prepare(plain)
        spoilt = torch.tensor([_is_spoilt(one) for one in raw]).reshape(-1, 1, 1)
        return {**inputs, "values": inputs["values"].masked_fill(spoilt, torch.nan)}


def _is_spoilt(one: Any) -> bool:
    return isinstance(one, np.ndarray) and bool(np.isnan(one).any())


class LetsTorchComplain(Sound):
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        if any(isinstance(one, np.ndarray) and not len(one) for one in raw):
            torch.ones(2) @ torch.ones(3)
        return super().prepare(raw)


class LooksAtTheFirst(Sound):
    """Refuses what it should only where it stands first."""

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        whole = [one for i, one in enumerate(raw) if not i or (isinstance(one, np.ndarray) and len(one))]
        return super().prepare(whole)


class SinglePrecision(Sound):
    def forward(self, inputs: Inputs) -> Tensor:
        return super().forward(inputs).float().to(torch.float32)


class HalfOverflows(Sound):
    def forward(self, inputs: Inputs) -> Tensor:
        embedded = super().forward(inputs)
        return embedded / (embedded.dtype != torch.bfloat16)


class KeepsATensor(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.offset = {"by": [torch.ones(4)]}

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + 0 * hidden.new_tensor(self.offset["by"][0][0].item())


class MakesOnTheCPU(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + torch.linspace(0, 1, 5).type(hidden.dtype)


class MultipliesOnTheCPU(Sound):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) @ torch.eye(5, dtype=hidden.dtype)


class MovesWhatItMakes(Sound):
    """As it may be, if not best."""

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        return super().pooled(hidden, inputs) + torch.linspace(0, 1, 5).to(hidden) * torch.tensor(2.0)


class KeepsWeights(Sound):
    """Looks its weights up once, where functional_call cannot reach them."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_found", [self.last.weight, self.last.bias])

    def forward(self, inputs: Inputs) -> Tensor:
        pooled = self.pooled(torch.tanh(self.first(inputs["values"] - self.mean)), inputs)
        return torch.nn.functional.linear(pooled, *self._found)


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


class TrainsWhatIsFixed(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.first.requires_grad_(False)


class KeepsWhatIsFixed(TrainsWhatIsFixed):
    """As it may be."""

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        groups = super().parameter_groups()
        return {
            group: [one for one in names if not one.startswith("first.")] for group, names in groups.items()
        }


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


class BranchesInTraining(Sound):
    """Looks at a value, which vmap forbids, where it trains."""

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        pooled = super().pooled(hidden, inputs)
        return pooled * 2 if self.training and pooled.abs().max() > 1e9 else pooled


class FusedNormInTraining(FusedNorm):
    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        pooled = Sound.pooled(self, hidden, inputs)
        return self.norm(pooled) if self.training else pooled + 0 * self.norm.weight + 0 * self.norm.bias


class OverflowsInTraining(DropsInTraining):
    """Draws, and divides by nothing."""

    def pooled(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        pooled = super().pooled(hidden, inputs)
        return pooled / (1 - self.training)


BREAKAGES = [
    ("shapes", WrongWidth, "dim = 6"),
    ("shapes", NoModality, "modality is ''"),
    ("shapes", NotFinite, "not finite"),
    ("dtype", SinglePrecision, "in float64 it gives torch.float32"),
    ("shapes", PreparesDoubles, "values of torch.float64, .*let floating-point numbers be float32"),
    ("shapes", PreparesByWeights, r"\['values'\] with a gradient"),
    ("dtype", HalfOverflows, "under bfloat16 autocast"),
    ("device", KeepsATensor, "neither parameter nor buffer"),
    ("device", MakesOnTheCPU, "tensors of the default device"),
    ("device", MultipliesOnTheCPU, "tensors of the default device"),
    ("functional_call", KeepsWeights, "with other weights embeds otherwise"),
    ("companions", SeesCompanions, "depends on its companions"),
    ("companions", KnowsItsPlace, "companions|place"),
    ("companions", ScalesTheBatch, "prepared with"),
    ("padding", AveragesPadding, "more padding changes"),
    ("padding", PairsPositions, "with more padding it raises.*name it otherwise"),
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
    ("hostile", PassesNaN, "NaN is embedded as NaN or infinity"),
    ("hostile", LetsTorchComplain, "that is empty raises RuntimeError"),
    ("hostile", LooksAtTheFirst, "refused alone and not so in company"),
    ("round_trip", ForgetsFit, "loaded from its state_dict it embeds otherwise"),
    ("round_trip", ForgetsVocabulary, "loaded from its state_dict it prepares otherwise"),
    ("groups", UnknownGroup, "groups are"),
    ("groups", UnknownName, "third.weight"),
    ("groups", EmptyGroup, "is empty"),
    ("groups", LeavesOut, "leaves out"),
    ("groups", TrainsWhatIsFixed, "group 'all' would train first.bias, first.weight"),
    ("gradients", Unused, "unused.weight"),
    ("gradients", InfiniteGradient, "not finite"),
    ("second_order", FirstOrder, "second derivatives are wrong"),
    ("vmap", FusedNorm, "than a loop"),
    ("vmap", BranchesInTraining, "in training mode: vmap cannot map it"),
    ("vmap", FusedNormInTraining, "in training mode: vmap gives another meta-gradient of"),
    ("vmap", OverflowsInTraining, "in training mode: mapped by vmap its loss is not finite"),
]


def subject(build: Callable[[], Encoder]) -> Subject:
    generator = np.random.Generator(np.random.Philox(key=0))

    def sequence(label: int) -> np.ndarray:
        length = int(generator.integers(2, 7))
        return (generator.normal(size=(length, WIDTH)) + label).astype(np.float32)

    raw = [[sequence(label) for _ in range(8)] for label in range(6)]
    plain = np.ones((4, WIDTH), np.float32)
    hostile = {
        "empty": plain[:0],
        "NaN": plain * np.nan,
        "huge": plain * np.float32(1e30),
        "long": plain.repeat(99, 0),
    }
    return Subject("sequences", build, raw, hostile=hostile)


@pytest.mark.parametrize("encoder", [Sound, Waves, KeepsWhatIsFixed])
@pytest.mark.parametrize("check", ENCODER_CHECKS)
def test_a_sound_encoder_passes(check: str, encoder: type[Encoder]) -> None:
    ENCODER_CHECKS[check](subject(encoder))


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_a_learner_around_an_encoder_with_complex_weights_passes(check: str) -> None:
    LEARNER_CHECKS[check](learner_factory(Prototypical), subject(Waves))


IDS = [f"{check}-{encoder.__name__}" for check, encoder, _ in BREAKAGES]


@pytest.mark.parametrize(("check", "encoder", "found"), BREAKAGES, ids=IDS)
def test_a_broken_encoder_is_caught(check: str, encoder: type[Encoder], found: str) -> None:
    with pytest.raises(AssertionError, match=found) as caught:
        ENCODER_CHECKS[check](subject(encoder))
    assert f"{encoder.__name__} with sequences" in str(caught.value)


def test_every_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in BREAKAGES} == set(ENCODER_CHECKS)


ONLY = {
    "shapes": WrongWidth,
    "dtype": HalfOverflows,
    "device": MakesOnTheCPU,
    "companions": ScalesTheBatch,
    "padding": LeansOnZeros,
    "determinism": DropsInTraining,
    "augment": AugmentsInSecret,
    "hostile": PassesNaN,
    "round_trip": ForgetsVocabulary,
    "groups": LeavesOut,
    "gradients": Unused,
    "functional_call": KeepsWeights,
    "second_order": FirstOrder,
    "vmap": FusedNorm,
}


@pytest.mark.parametrize("check", ENCODER_CHECKS)
def test_one_fault_fails_one_check(check: str) -> None:
    failed = [one.name for one in run_checks(ENCODER_CHECKS, subject(ONLY[check])) if one.result == "failed"]
    assert failed == [check]


def test_what_is_moved_to_its_inputs_is_in_its_place() -> None:
    ENCODER_CHECKS["device"](subject(MovesWhatItMakes))


def test_an_encoder_that_says_so_is_excepted_from_vmap_once_the_loop_serves_it() -> None:
    class Declared(FusedNorm):
        vmap = False

    outcomes = {one.name: one for one in run_checks(ENCODER_CHECKS, subject(Declared))}
    assert outcomes["vmap"].result == "excepted"
    assert "the loop over tasks that takes its place was tried" in outcomes["vmap"].reason
    assert outcomes["second_order"].result == "passed"


def test_the_loop_must_serve_an_encoder_that_is_not_mapped() -> None:
    class Infinite(InfiniteGradient):
        vmap = False

    with pytest.raises(AssertionError, match=r"disagree|is not finite"):
        ENCODER_CHECKS["vmap"](subject(Infinite))
