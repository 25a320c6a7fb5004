"""ResNet-12, the deeper of the field's two usual backbones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Generator, Tensor, nn

from kshot_image.augmentation import Augmentation, Name
from kshot_image.encoders.dropblock import drop_blocks
from kshot_image.encoders.standard import Standardise
from kshot_image.pictures import pixel_bytes

WIDTHS = (64, 160, 320, 640)
SLOPE = 0.1
DROPPING = (2, 3)
"""Blocks after which squares are dropped."""
SQUARE = 5
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@final
class ResNet12(Encoder):
    """Four residual blocks of three 3x3 convolutions, 64-160-320-640 channels, averaged; (B, 640).

    Lee, Maji, Ravichandran, Soatto, "Meta-learning with differentiable convex optimization", CVPR
    2019, after Mishra et al. (ICLR 2018): batch norm and leaky ReLU (0.1), a 1x1 shortcut, 2x2
    max-pool after each block, DropBlock (Ghiasi et al. 2018) after the last two. Deviations from the
    authors' code: squares are dropped at one rate throughout, which grows there over the first 40,000
    batches; the first two blocks, which drop single activations there, drop nothing; the map is averaged
    (flattened there); a pool is left out where the map is one pixel, so that any size works.

    Which squares are dropped is told by the input ``drop_seed``, which ``augment`` fills: 0, as
    ``prepare`` has it, drops nothing.

    Args:
        width: channels of the first block; those of the others grow in the same ratio.
        size: height and width to which pictures are resized.
        drop: share of a map that DropBlock wipes out in training.
        augment: see :class:`Augmentation`.
    """

    modality = "image"

    def __init__(self, width: int, size: int, drop: float, augment: Sequence[Name]) -> None:
        super().__init__()
        self.size, self._drop = size, drop
        self._augmentation = Augmentation(augment)
        widths = [max(1, width * own // WIDTHS[0]) for own in WIDTHS]
        self.standardise = Standardise(*IMAGENET)
        self.layers = nn.ModuleList(
            [_Block(incoming, own) for incoming, own in zip([3, *widths], widths, strict=False)]
        )
        self.dim = widths[-1]

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, 3, size, size) uint8 and ``drop_seed`` (B,), zeros."""
        pixels = pixel_bytes(raw, self.size, 3, "resnet12")
        return {"pixel_values": pixels, "drop_seed": torch.zeros(len(pixels), dtype=torch.int64)}

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, 3, size, size) and ``drop_seed`` (B,) → (B, dim)."""
        maps = self.standardise(inputs["pixel_values"])
        for number, layer in enumerate(self.layers):
            maps = layer(maps)
            if self.training and self._drop and number in DROPPING:
                maps = drop_blocks(maps, inputs["drop_seed"], number, self._drop, SQUARE)
        return maps.mean((2, 3))

    def augment(self, inputs: Inputs, generator: Generator) -> Inputs:
        """Vary the pictures, and choose which squares are dropped."""
        pixels = inputs["pixel_values"]
        varied = dict(inputs)
        if self._augmentation:
            varied["pixel_values"] = self._augmentation(pixels, generator)
        if self._drop:
            shape = (len(pixels),)
            varied["drop_seed"] = torch.randint(
                1, 2**31, shape, generator=generator, device=pixels.device, dtype=torch.int64
            )
        return varied

    @property
    def augments(self) -> bool:
        """True where pictures are varied or squares dropped."""
        return bool(self._augmentation) or self._drop > 0

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The four residual blocks."""
        return list(self.layers)


def resnet12(
    *,
    width: Annotated[int, Field(ge=1)] = WIDTHS[0],
    size: Annotated[int, Field(ge=1)] = 84,
    drop: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    augment: list[Name] | None = None,
) -> Encoder:
    """The field's deeper backbone, (B, 640): 64-160-320-640 channels, DropBlock.

    Args:
        width: channels of the first block; the others have 2.5, 5 and 10 times as many.
        size: height and width to which pictures are resized.
        drop: share of the last two blocks' maps that DropBlock wipes out in training.
        augment: some of ``flip``, ``crop`` and ``jitter``, in training.
    """
    return ResNet12(width, size, drop, augment or ())


@final
class _Block(nn.Module):
    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(3):
            channels = incoming if number == 0 else outgoing
            layers += [nn.Conv2d(channels, outgoing, 3, padding=1, bias=False), nn.BatchNorm2d(outgoing)]
            layers += [nn.LeakyReLU(SLOPE)] if number < 2 else []
        self.body = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(nn.Conv2d(incoming, outgoing, 1, bias=False), nn.BatchNorm2d(outgoing))
        self.activation = nn.LeakyReLU(SLOPE)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=SLOPE, mode="fan_out", nonlinearity="leaky_relu")

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H/2, W/2), rounded down, one pixel at least."""
        summed = self.activation(self.body(maps) + self.shortcut(maps))
        return nn.functional.max_pool2d(summed, 2) if min(summed.shape[2:]) > 1 else summed
