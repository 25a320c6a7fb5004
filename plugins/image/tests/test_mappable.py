"""Layers that stand for torch's own: the same numbers, in the same places of a network."""

from __future__ import annotations

import pytest
import torch
from kshot_image.encoders.mappable import with_mappable_layers
from torch import nn


def map_norm() -> nn.Module:
    from torchvision.models.convnext import LayerNorm2d

    return LayerNorm2d(4, eps=0.1)


@pytest.mark.parametrize(
    "build",
    [
        nn.Hardsigmoid,
        lambda: nn.AdaptiveAvgPool2d(1),
        lambda: nn.AdaptiveAvgPool2d((1, 1)),
        map_norm,
    ],
)
def test_what_stands_for_a_layer_gives_its_numbers_and_gradients(build) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    layer = build().double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    maps = (4 * torch.randn(3, 4, 5, 6, dtype=torch.float64)).requires_grad_()
    expected = layer(maps)
    own = with_mappable_layers(nn.Sequential(layer))
    assert own[0] is not layer
    found, weights = own(maps), torch.randn_like(expected)
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad((one * weights).sum(), maps)[0] for one in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_a_pool_to_several_places_stays() -> None:
    pool = nn.AdaptiveAvgPool2d(2)
    assert with_mappable_layers(nn.Sequential(pool))[0] is pool
