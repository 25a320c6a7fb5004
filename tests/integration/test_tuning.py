"""What trains in an encoder: a linear map on top, rates by depth, activations computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import pytest
import torch
from kshot import EncoderSpec
from kshot.config import Tuning
from kshot.encoders import Projected, select_trainable
from kshot.encoders.tuned import tune
from kshot.episode import Inputs
from kshot.functional import keeps_running_statistics
from kshot.interfaces import SPLITS, Encoder
from kshot.results import without_times
from kshot.testing.toy import Toy, toy_encoder
from safetensors import safe_open
from torch import Tensor, nn

from .conftest import run, toy_registry


@final
class Deep(Encoder):
    """Three blocks in a row, and what comes before and after."""

    modality = "toy"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 8
        self.first = nn.Linear(16, 8)
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(3)])
        self.last = nn.Linear(8, 8)

    def prepare(self, raw: Any) -> Inputs:
        return {"values": torch.stack([torch.as_tensor(one) for one in raw])}

    def forward(self, inputs: Inputs) -> Tensor:
        states = self.first(inputs["values"])
        for layer in self.layers:
            states = layer(states)
        return self.last(states)

    def ordered_blocks(self) -> list[nn.Module]:
        return list(self.layers)


REGISTRY = toy_registry(
    ("encoders", EncoderSpec("deep", "three blocks", f"{__name__}:Deep", modality="toy")),
)
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


@pytest.mark.parametrize("subset", ["all", "last", "none"])
def test_what_is_no_fraction_never_trains(subset: str) -> None:
    encoder = Deep()
    encoder.layers[-1].counted = nn.Parameter(torch.arange(3), requires_grad=False)
    select_trainable(encoder, subset)
    training = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    named = () if subset == "none" else encoder.parameter_groups()[subset]
    assert training == {name for name in named if not name.endswith("counted")}


@pytest.mark.parametrize("subset", ["head", "last", "lora", "all", "none"])
def test_norms_keep_their_statistics_beside_a_part_that_trains(subset: str) -> None:
    if subset == "lora":
        pytest.importorskip("peft", reason="adapters need kshot[lora]")
    tuned = tune(toy_encoder(), Tuning.model_validate({"train": subset}))
    assert keeps_running_statistics(tuned.encoder) == (subset in ("head", "last", "lora"))


@pytest.mark.parametrize(("pretrained", "subset"), [(True, "none"), (False, "all")])
def test_what_trains_where_nothing_is_said(pretrained: bool, subset: str) -> None:
    encoder = toy_encoder()
    encoder.pretrained = pretrained
    assert tune(encoder, Tuning()).subset == subset
    assert all(one.requires_grad != pretrained for one in encoder.parameters())


def test_adapters_have_the_factor_that_is_asked_for() -> None:
    pytest.importorskip("peft", reason="adapters need kshot[lora]")
    tuned = tune(toy_encoder(), Tuning.model_validate({"train": "lora", "lora": {"rank": 2, "alpha": 6}}))
    factors = [one.scaling for one in tuned.encoder.modules() if hasattr(one, "scaling")]
    assert factors
    assert all(list(one.values()) == [3] for one in factors)


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


@final
class Normed(Encoder):
    """A linear map and a batch norm."""

    modality = "toy"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 8
        self.layers = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8))

    def prepare(self, raw: Any) -> Inputs:
        return {"values": torch.stack([torch.as_tensor(one) for one in raw])}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.layers(inputs["values"])


def test_the_recorded_policy_is_the_one_that_norms_followed(tmp_path: Path) -> None:
    spec = EncoderSpec("normed", "a batch norm", f"{__name__}:Normed", modality="toy")
    encoders = [{"use": "normed", "id": "head", "train": "head"}, {"use": "normed", "id": "all"}]
    learners = [
        {"use": "prototypical", "id": policy, "evaluate": {"batch_statistics": policy}}
        for policy in ("frozen", "support", "query")
    ]
    train = {**TRAIN, "episodes": 4, "validations": 0}
    registry = toy_registry(("encoders", spec))
    found = run(tmp_path, registry, encoders={"toy": encoders}, learners=learners, train=train)
    scores = {(cell.encoder, cell.learner): cell.scores[0] for cell in found.cells}
    told = {place: score.batch_statistics for place, score in scores.items()}
    assert [told["head", policy] for policy in ("frozen", "support", "query")] == ["frozen"] * 3
    assert [told["all", policy] for policy in ("frozen", "support", "query")] == [
        "frozen",
        "support",
        "query",
    ]
    assert len({scores["head", policy].accuracy for policy in ("frozen", "support", "query")}) == 1
    assert len({scores["all", policy].accuracy for policy in ("frozen", "support", "query")}) == 3


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


def test_a_group_of_names_that_are_no_parameters_is_refused_before_nothing_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = toy_encoder()
    monkeypatch.setattr(
        type(encoder), "parameter_groups", lambda self: {"all": ["first.weight", "lst.weight"]}
    )
    with pytest.raises(
        ValueError, match=r"train: _ToyEncoder has no parameters lst\.weight, .* in all; mend the"
    ):
        select_trainable(encoder, "all")
