"""What stands for layers whose second derivatives torch does not have, or not under ``torch.func.vmap``."""

from __future__ import annotations

from typing import final

import torch.nn.functional as F
from kshot.functional.layer_norms import LayerNorm
from torch import Tensor, nn

_LAST = "channels_last"


@final
class MapNorm(nn.Module):
    """Layer norm over the channels of feature maps, as ConvNeXt has it.

    Args:
        norm: the layer whose parameters this one takes over.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.norm = LayerNorm(norm)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@final
class MapMean(nn.Module):
    """Mean over all places, as adaptive pooling to one place gives it.

    Args:
        places: how many dimensions they have.
    """

    def __init__(self, places: int) -> None:
        super().__init__()
        self.over = tuple(range(-places, 0))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, 1, 1), or (B, C, L) → (B, C, 1)."""
        return maps.mean(self.over, keepdim=True)


@final
class HardSigmoid(nn.Module):
    """A sigmoid of three straight lines, as MobileNetV3 has it."""

    def forward(self, states: Tensor) -> Tensor:
        """(…) → (…)."""
        return F.relu6(states + 3) / 6


def with_mappable_layers(model: nn.Module) -> nn.Module:
    """The model itself, such layers of torch's, torchvision's and transformers' replaced."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            other = _other(child)
            if other is not None:
                setattr(module, name, other)
    return model


def _other(layer: nn.Module) -> nn.Module | None:
    """What stands for a layer; none where it may stay."""
    from torchvision.models.convnext import LayerNorm2d

    if isinstance(layer, nn.Hardsigmoid):
        return HardSigmoid()
    if isinstance(layer, nn.AdaptiveAvgPool1d | nn.AdaptiveAvgPool2d):
        places = 1 if isinstance(layer, nn.AdaptiveAvgPool1d) else 2
        return MapMean(places) if layer.output_size in (1, (1, 1)) else None
    order = getattr(layer, "data_format", None)
    if isinstance(layer, LayerNorm2d) or (isinstance(layer, nn.LayerNorm) and order is not None):
        return LayerNorm(layer) if order == _LAST else MapNorm(layer)
    return None
