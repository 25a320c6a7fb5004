"""What trains in an encoder: a linear map on top, rates by depth, activations computed again."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from kshot import EncoderSpec
from kshot.config import Tuning
from kshot.encoders import Projected, WithOriginal, tune
from kshot.episode import Inputs
from kshot.errors import ConfigurationError
from kshot.functional import embed_flat
from kshot.interfaces import SPLITS, Encoder
from kshot.learners.maml import MAML
from kshot.results import without_times
from kshot.testing.toy import Toy, toy_encoder
from safetensors import safe_open
from torch import Tensor, nn

from .conftest import run, toy_registry


class Deep(Encoder):
    """Three blocks in a row, and what comes before and after."""

    modality = "toy"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 8
        self.first = nn.Linear(16, 8)
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(3)])
        self.last: nn.Module = nn.Linear(8, 8)

    def prepare(self, raw: Any) -> Inputs:
        return {"values": torch.stack([torch.as_tensor(one) for one in raw])}

    def forward(self, inputs: Inputs) -> Tensor:
        states = self.first(inputs["values"])
        for layer in self.layers:
            states = layer(states)
        return self.last(states)

    def ordered_blocks(self) -> list[nn.Module]:
        return list(self.layers)


class Trained(Deep):
    """The same, as if it came with weights."""

    pretrained = True


REGISTRY = toy_registry(
    ("encoders", EncoderSpec("trained", "the same, trained", f"{__name__}:Trained", modality="toy")),
    ("encoders", EncoderSpec("deep", "three blocks", f"{__name__}:Deep", modality="toy")),
)
LEARNERS = ["prototypical", {"use": "maml", "head": "shared"}]
TRAIN = {"episodes": 40, "meta_batch": 4, "learning_rate": 0.003, "validations": 1, "validation_episodes": 20}


def checkpoint(folder: Path, cell: str) -> dict[str, Tensor]:
    with safe_open(folder / "cells" / cell / "checkpoint.safetensors", framework="pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118


def test_a_projection_changes_nothing_before_it_trains() -> None:
    encoder = toy_encoder()
    raw = [torch.randn(16).numpy() for _ in range(5)]
    projected = Projected(encoder).eval()
    inputs = projected.prepare(raw)
    assert torch.equal(projected(inputs), encoder.eval()(inputs))
    groups = projected.parameter_groups()
    assert groups["head"] == ["project.weight", "project.bias"]
    assert set(groups["all"]) == {name for name, _ in projected.named_parameters()}


def test_training_the_head_alone_goes_by_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    forward = Deep.forward
    monkeypatch.setattr(
        Deep, "forward", lambda self, inputs: seen.append(len(inputs["values"])) or forward(self, inputs)
    )
    learners = ["prototypical", "siamese", {"use": "linear_probe", "pretrain": {"epochs": 3}}]
    found = run(
        tmp_path, REGISTRY, encoders={"toy": {"use": "deep", "train": "head"}}, learners=learners, train=TRAIN
    )
    assert [cell.error for cell in found.cells] == [None] * 3
    assert [cell.trained for cell in found.cells] == [True] * 3
    # Each once, whatever the number of cells and epochs.
    assert sum(seen) == sum(len(Toy().catalogue(split)) for split in SPLITS)
    kept = checkpoint(tmp_path, found.cells[0].id)
    trained = {name for name in kept if name.startswith("learner/")}
    assert trained == {"learner/encoder.project.weight", "learner/encoder.project.bias"}
    assert not torch.equal(kept["learner/encoder.project.weight"], torch.eye(8))


def test_a_head_lifts_a_frozen_encoder(tmp_path: Path) -> None:
    train = {**TRAIN, "episodes": 400, "learning_rate": 0.02}
    entries = [{"use": "toy_encoder", "train": "none"}, {"use": "toy_encoder", "train": "head"}]
    found = run(tmp_path, encoders={"toy": entries}, train=train)
    frozen, head = (cell.scores[0].accuracy for cell in found.cells)
    assert [cell.encoder for cell in found.cells] == ["toy_encoder+train=none", "toy_encoder+train=head"]
    assert head > frozen


def test_blocks_near_the_input_move_less(tmp_path: Path) -> None:
    train = {**TRAIN, "episodes": 4, "optimizer": "sgd", "learning_rate": 0.1, "validations": 0}
    entries = [{"id": "even", "use": "deep"}, {"id": "decayed", "use": "deep", "layer_decay": 0.5}]
    found = run(tmp_path, REGISTRY, encoders={"toy": entries}, train=train)
    assert found.cells[1].options["encoder"]["layer_decay"] == 0.5
    even, decayed = (checkpoint(tmp_path, cell.id) for cell in found.cells)
    torch.manual_seed(0)
    start = {name: value.detach() for name, value in Deep().state_dict().items()}
    expected = {"first": 0.125, "layers.0": 0.25, "layers.1": 0.5, "layers.2": 1.0, "last": 1.0}
    for place, factor in expected.items():
        name = f"{place}.0.weight" if place.startswith("layers") else f"{place}.weight"
        moved = [state[f"learner/encoder.{name}"] - start[name] for state in (even, decayed)]
        torch.testing.assert_close(moved[1], factor * moved[0], rtol=1e-3, atol=3e-8)


def test_activations_computed_again_give_the_same_figures(tmp_path: Path) -> None:
    plain = run(tmp_path / "a", REGISTRY, encoders={"toy": "deep"}, train=TRAIN)
    spare = {"id": "deep", "use": "deep", "gradient_checkpointing": True}
    again = run(tmp_path / "b", REGISTRY, encoders={"toy": spare}, train=TRAIN)
    assert again.cells[0].error is None
    one, other = (without_times(found).cells[0] for found in (plain, again))
    assert one.scores == other.scores
    assert one.curve == other.curve


@pytest.mark.parametrize("option", [{"layer_decay": 0.5}, {"gradient_checkpointing": True}])
def test_an_encoder_without_blocks_says_so(tmp_path: Path, option: dict[str, Any]) -> None:
    found = run(tmp_path, encoders={"toy": {"use": "toy_encoder", **option}})
    assert "encoder 'toy_encoder': " in (found.cells[0].error or "")
    assert "names no blocks" in (found.cells[0].error or "")


def test_an_original_beside_changes_no_distance_before_training() -> None:
    deep = Trained()
    plain = copy.deepcopy(deep)
    both = tune(deep, Tuning(train="last", keep_original=True)).encoder
    assert isinstance(both, WithOriginal)
    inputs = {"values": torch.randn(6, 16)}
    embedded, alone = embed_flat(both, inputs), embed_flat(plain, inputs)
    assert both.dim == embedded.shape[1] == 2 * deep.dim
    torch.testing.assert_close(torch.cdist(embedded, embedded), torch.cdist(alone, alone))
    torch.testing.assert_close(embedded @ embedded.mT, alone @ alone.mT)


def test_what_trains_beside_its_original_is_what_trains_without() -> None:
    for subset in ("last", "all"):
        alone, both = Trained(), Trained()
        tune(alone, Tuning(train=subset))
        wrapped = tune(both, Tuning(train=subset, keep_original=True)).encoder
        expected = [f"encoder.{name}" for name, one in alone.named_parameters() if one.requires_grad]
        assert [name for name, one in wrapped.named_parameters() if one.requires_grad] == expected
        assert list(wrapped.parameter_groups()["all"]) == [
            f"encoder.{n}" for n, _ in alone.named_parameters()
        ]


def test_training_moves_the_encoder_and_not_its_original(tmp_path: Path) -> None:
    entry = {"use": "trained", "train": "all", "keep_original": True, "layer_decay": 0.5}
    found = run(tmp_path, REGISTRY, encoders={"toy": entry}, learners=LEARNERS, train=TRAIN)
    assert [cell.error for cell in found.cells] == [None, None]
    assert found.cells[0].options["encoder"]["keep_original"] is True
    torch.manual_seed(0)
    start = Trained().state_dict()
    for cell in found.cells:
        kept = checkpoint(tmp_path, cell.id)
        for name, value in start.items():
            assert not torch.equal(kept[f"learner/encoder.encoder.{name}"], value)
            torch.testing.assert_close(kept.get(f"learner/encoder.original.{name}", value), value)


def test_inner_loops_adapt_the_encoder_and_not_its_original() -> None:
    torch.manual_seed(0)
    both = tune(Trained(), Tuning(train="all", keep_original=True)).encoder
    learner = MAML(both, way=2, inner_steps=1)
    adapted = [name for name in learner.adapted_shapes() if "head" not in name]
    assert len(adapted) == len(list(Trained().parameters()))
    assert not any("original" in name for name in adapted)


def test_an_original_keeps_its_statistics_and_its_mode() -> None:
    inner = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    encoder = Trained()
    encoder.last = inner
    both = tune(encoder, Tuning(train="all", keep_original=True)).encoder.train()
    assert isinstance(both, WithOriginal)
    inputs = {"values": torch.randn(6, 16)}
    before = {name: value.clone() for name, value in both.original.state_dict().items()}
    first, second = both(inputs)[:, 8:], both(inputs)[:, 8:]
    assert torch.equal(first, second)
    assert all(torch.equal(value, before[name]) for name, value in both.original.state_dict().items())
    assert not both.original.training
    assert both.encoder.training


@pytest.mark.parametrize("train", ["none", "head"])
def test_an_original_without_a_training_is_refused(tmp_path: Path, train: str) -> None:
    with pytest.raises(ConfigurationError, match=f"keep_original: with train: {train} "):
        run(tmp_path, encoders={"toy": {"use": "toy_encoder", "train": train, "keep_original": True}})


def test_an_original_that_never_was_trained_is_refused(tmp_path: Path) -> None:
    found = run(tmp_path, REGISTRY, encoders={"toy": {"use": "deep", "keep_original": True}})
    assert "encoder 'deep': keep_original: the encoder comes untrained" in (found.cells[0].error or "")
    entry = {"use": "trained", "lora": {"rank": 2}, "keep_original": True}
    found = run(tmp_path / "b", REGISTRY, encoders={"toy": entry})
    assert "keep_original: nothing trains in the encoder" in (found.cells[0].error or "")
