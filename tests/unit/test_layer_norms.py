"""The layer norm of our own against torch's, and where torch's is wrong."""

from __future__ import annotations

import pytest
import torch
from kshot.functional.layer_norms import LayerNorm, with_own_norms
from torch import nn
from torch.func import functional_call, grad, vmap


@pytest.fixture
def pair() -> tuple[nn.LayerNorm, LayerNorm]:
    torch.manual_seed(0)
    norm = nn.LayerNorm(6, eps=0.1, dtype=torch.float64)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm, LayerNorm(norm)


def test_values_and_gradients_are_those_of_torch(pair: tuple[nn.LayerNorm, LayerNorm]) -> None:
    norm, own = pair
    states = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(own(states), norm(states))
    with torch.no_grad():
        assert torch.equal(own(states), norm(states))
    weights = torch.randn(3, 4, 6, dtype=torch.float64)
    for one, other in zip(
        *(torch.autograd.grad((m(states) * weights).sum(), [states, norm.weight, norm.bias]) for m in pair),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("options", [{"bias": False}, {"elementwise_affine": False}])
def test_a_norm_without_weight_or_bias_stays_so(options: dict[str, bool]) -> None:
    norm = nn.LayerNorm(6, **options)
    states = torch.randn(3, 6)
    own = with_own_norms(nn.Sequential(norm))
    assert isinstance(own[0], LayerNorm)
    torch.testing.assert_close(own(states), norm(states))
    assert len(list(own.parameters())) == len(list(norm.parameters()))


def test_second_derivatives_are_right_under_vmap() -> None:
    torch.manual_seed(0)
    model = with_own_norms(nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6)).double())
    parameters = dict(model.named_parameters())
    states, weights = torch.randn(3, 4, 6, dtype=torch.float64), torch.randn(6, dtype=torch.float64)

    def loss(values: dict[str, torch.Tensor], task: torch.Tensor) -> torch.Tensor:
        return (functional_call(model, values, (task,)) @ weights).square().mean()

    def adapted(task: torch.Tensor) -> torch.Tensor:
        gradient = grad(loss)(parameters, task)
        return loss({name: value - 0.1 * gradient[name] for name, value in parameters.items()}, task)

    alone = sum(adapted(task) for task in states)
    for one, other in zip(
        torch.autograd.grad(vmap(adapted)(states).sum(), list(parameters.values())),
        torch.autograd.grad(alone, list(parameters.values())),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_names_and_values_of_the_state_dict_stay() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ModuleDict({"norm": nn.LayerNorm(6)}))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    after = with_own_norms(model).state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
