"""Rates that fall with depth, and activations that are computed again."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from kshot.functional import checkpoint_activations, layerwise_rates, per_episode_norms
from kshot.interfaces import Encoder
from kshot.testing import toy_encoder
from torch import Tensor, nn
from torch.func import functional_call, grad

from .hub_bert import HubBert, hub_bert, save_bert

pytest.importorskip("transformers", reason='transformers comes with "kshot-text"')

NUMBERS = {"input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 2, 1]])}


@pytest.fixture
def encoder(tmp_path: Path) -> HubBert:
    return hub_bert(save_bert(tmp_path / "bert"))


class Blocks(Encoder):
    """Linear blocks between a layer before and a layer after them."""

    modality, dim = "text", 3

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.before = nn.Linear(3, 3)
        self.stages = nn.ModuleList(blocks)
        self.after = nn.Linear(3, 3)

    def prepare(self, raw):
        return {"x": torch.stack(list(raw))}

    def forward(self, inputs):
        states = self.before(inputs["x"])
        for stage in self.stages:
            states = stage(states)
        return self.after(states)

    def ordered_blocks(self):
        return list(self.stages)


def projected(encoder: nn.Module, weights: dict[str, Tensor] | None = None) -> Tensor:
    embedded = encoder(NUMBERS) if weights is None else functional_call(encoder, weights, (NUMBERS,))
    return (embedded @ torch.linspace(-1, 1.5, embedded.shape[1])).square().mean()


def gradients(encoder: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(projected(encoder), list(encoder.parameters())))


def kept(encoder: nn.Module) -> int:
    """Numbers that a forward pass keeps for the way back, weights apart."""
    weights = {parameter.data_ptr() for parameter in encoder.parameters()}
    count = 0

    def pack(saved: Tensor) -> Tensor:
        nonlocal count
        count += 0 if saved.untyped_storage().data_ptr() in weights else saved.numel()
        return saved

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
        projected(encoder)
    return count


def test_rates_fall_towards_the_input(encoder: HubBert) -> None:
    rates = layerwise_rates(encoder, 0.5)
    assert list(rates) == [name for name, _ in encoder.named_parameters()]
    for name, rate in rates.items():
        where = name.removeprefix("model.").split(".")
        if where[0] == "embeddings":
            assert rate == 0.5**3, name
        elif where[0] == "pooler":
            assert rate == 1, name
        else:
            assert rate == 0.5 ** (2 - int(where[2])), name


def test_what_stands_before_and_after_the_blocks() -> None:
    rates = layerwise_rates(Blocks(nn.Linear(3, 3), nn.Linear(3, 3)), 0.1)
    assert {name.rpartition(".")[0]: rate for name, rate in rates.items()} == pytest.approx(
        {"before": 0.01, "stages.0": 0.1, "stages.1": 1, "after": 1}
    )


def test_blocks_without_parameters_do_not_count() -> None:
    encoder = Blocks(nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 3), nn.ReLU())
    rates = layerwise_rates(encoder, 0.1)
    assert {name.rpartition(".")[0]: rate for name, rate in rates.items()} == pytest.approx(
        {"before": 0.01, "stages.1": 0.1, "stages.2": 1, "after": 1}
    )
    last = ["stages.2.weight", "stages.2.bias", "after.weight", "after.bias"]
    assert encoder.parameter_groups()["last"] == last
    assert list(Blocks(nn.ReLU(), nn.Tanh()).parameter_groups()) == ["all"]


def test_a_block_that_is_no_part_of_the_encoder_is_named_with_it() -> None:
    class Foreign(Blocks):
        def ordered_blocks(self):
            return [*self.stages, nn.Linear(3, 3)]

    told = r"Foreign names a block in ordered_blocks\(\) that is no part of it, a Linear; name modules"
    with pytest.raises(ValueError, match=told):
        Foreign(nn.Linear(3, 3)).parameter_groups()


def test_a_decay_of_one_changes_nothing(encoder: HubBert) -> None:
    assert set(layerwise_rates(encoder, 1.0).values()) == {1.0}


def test_an_encoder_without_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="ToyEncoder names no blocks, so its layers have no order"):
        layerwise_rates(toy_encoder(), 0.5)
    with pytest.raises(ValueError, match="ToyEncoder names no blocks whose activations could be computed"):
        checkpoint_activations(toy_encoder())


def test_gradients_stay_and_less_is_kept(encoder: HubBert) -> None:
    expected, embedded, before = gradients(encoder), encoder(NUMBERS), kept(encoder)
    names = list(encoder.state_dict())
    checkpoint_activations(encoder)
    assert torch.equal(encoder(NUMBERS), embedded)
    assert all(torch.equal(one, other) for one, other in zip(gradients(encoder), expected, strict=True))
    assert kept(encoder) < before / 3
    assert list(encoder.state_dict()) == names
    with torch.no_grad():
        torch.testing.assert_close(encoder(NUMBERS), embedded)


def test_second_derivatives_stay(encoder: HubBert) -> None:
    def second(one: nn.Module) -> list[Tensor]:
        parameters = list(one.parameters())
        first = torch.autograd.grad(projected(one), parameters, create_graph=True)
        return list(torch.autograd.grad(sum(g.square().sum() for g in first), parameters))

    expected = second(encoder)
    checkpoint_activations(encoder)
    for one, other in zip(second(encoder), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("through", ["deepcopy", "pickle"])
def test_a_copy_goes_by_its_own_weights(encoder: HubBert, through: str) -> None:
    plain = copy.deepcopy(encoder)
    checkpoint_activations(encoder)
    other = copy.deepcopy(encoder) if through == "deepcopy" else pickle.loads(pickle.dumps(encoder))  # noqa: S301
    for one in (other, plain):
        with torch.no_grad():
            for parameter in one.parameters():
                parameter.mul_(1.5)
    assert torch.equal(other(NUMBERS), plain(NUMBERS))
    assert all(torch.equal(a, b) for a, b in zip(gradients(other), gradients(plain), strict=True))
    assert kept(other) < kept(plain) / 3


def test_weights_that_are_lent_count_on_the_way_back_too(encoder: HubBert) -> None:
    """functional_call takes its weights back before anything is computed again."""
    weights = {name: (1.5 * value).detach().requires_grad_() for name, value in encoder.named_parameters()}
    expected = torch.autograd.grad(projected(encoder, weights), list(weights.values()))
    checkpoint_activations(encoder)
    found = torch.autograd.grad(projected(encoder, weights), list(weights.values()))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_an_inner_loop_is_told_what_to_leave_out(encoder: HubBert) -> None:
    checkpoint_activations(encoder)
    weights = {name: value.detach() for name, value in encoder.named_parameters()}
    with pytest.raises(RuntimeError, match=r"inside torch\.func: leave gradient checkpointing out"):
        grad(lambda lent: projected(encoder, lent))(weights)


def test_an_error_in_a_block_stays_what_it_is() -> None:
    encoder = Blocks(nn.Linear(3, 3), nn.Linear(4, 3))
    checkpoint_activations(encoder)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
        encoder(encoder.prepare([torch.ones(3)]))


@pytest.mark.parametrize("converted", [False, True])
def test_batch_norms_are_refused(converted: bool) -> None:
    encoder = Blocks(nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)))
    if converted:
        per_episode_norms(encoder)
    with pytest.raises(ValueError, match="Blocks has batch norms in its blocks"):
        checkpoint_activations(encoder)


def test_a_norm_outside_the_blocks_is_no_hindrance() -> None:
    encoder = Blocks(nn.Linear(3, 3))
    encoder.before = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    checkpoint_activations(encoder)
    assert encoder(encoder.prepare([torch.ones(3), torch.zeros(3)])).shape == (2, 3)
