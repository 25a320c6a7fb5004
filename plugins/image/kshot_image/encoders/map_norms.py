"""Layer norm over the channels of feature maps, as ConvNeXt has it."""

from __future__ import annotations

from typing import final

from kshot.functional.layer_norms import LayerNorm
from torch import Tensor, nn

_LAST = "channels_last"


@final
class MapNorm(nn.Module):
    """Layer norm over channels, its second derivatives right under ``torch.func.vmap``.

    Args:
        norm: the layer whose parameters this one takes over.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.norm = LayerNorm(norm)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def with_map_norms(model: nn.Module) -> nn.Module:
    """The model itself, torchvision's and transformers' layer norms over channels replaced."""
    from torchvision.models.convnext import LayerNorm2d

    for module in list(model.modules()):
        for name, child in module.named_children():
            order = getattr(child, "data_format", None)
            if isinstance(child, LayerNorm2d) or (isinstance(child, nn.LayerNorm) and order is not None):
                setattr(module, name, LayerNorm(child) if order == _LAST else MapNorm(child))
    return model
