"""The field's small backbone: four blocks of 3x3 convolution, batch norm, ReLU and 2x2 max-pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, final

from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Generator, Tensor, nn

from kshot_image.augmentation import Augmentation, Name
from kshot_image.pictures import pixel_values

_BLOCKS = 4


@final
class Conv4(Encoder):
    """Conv-4, the embedding of matching networks, prototypical networks and MAML.

    Vinyals et al., "Matching networks for one shot learning" (NeurIPS 2016); with 64 filters,
    as in Snell et al., "Prototypical networks for few-shot learning" (NeurIPS 2017), a 28x28
    picture becomes 64 numbers and an 84x84 one 1,600.

    Pictures of any size and mode are resized to ``size``. A pool halves the side, rounding
    down; once the side is one pixel the remaining pools are left out, so that any size works.

    Args:
        width: filters of each block.
        size: height and width to which pictures are resized.
        channels: 1 for grey, 3 for colour.
        augment: see :class:`Augmentation`.
    """

    modality = "image"

    def __init__(self, width: int, size: int, channels: int, augment: Sequence[Name] = ()) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self._augmentation = Augmentation(augment)
        blocks: list[nn.Module] = []
        side, incoming = size, channels
        for _ in range(_BLOCKS):
            blocks.append(_block(incoming, width, pools=side > 1))
            side, incoming = max(side // 2, 1), width
        self.blocks = nn.Sequential(*blocks)
        self.dim = width * side * side

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, channels, size, size), white 0 and black 1."""
        return {"pixel_values": pixel_values(raw, self.size, self.channels, "conv4")}

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, channels, size, size) → (B, dim), the last block's map flattened."""
        pixels = inputs["pixel_values"]
        expected = (self.channels, self.size, self.size)
        if tuple(pixels.shape[1:]) != expected:
            raise ValueError(
                f"pixel_values must be (B, {', '.join(map(str, expected))}), got {tuple(pixels.shape)}"
            )
        return self.blocks(pixels).flatten(1)

    def augment(self, inputs: Inputs, generator: Generator) -> Inputs:
        """Vary the pictures; ``pixel_values`` are ink, the augmentation wants light."""
        if not self._augmentation:
            return inputs
        return {"pixel_values": 1 - self._augmentation(1 - inputs["pixel_values"], generator)}

    @property
    def augments(self) -> bool:
        """True where pictures are varied."""
        return bool(self._augmentation)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The four blocks."""
        return list(self.blocks)


def conv4(
    *,
    width: Annotated[int, Field(ge=1)] = 64,
    size: Annotated[int, Field(ge=1)] = 28,
    channels: Literal[1, 3] = 1,
    augment: list[Name] | None = None,
) -> Encoder:
    """The four-block backbone of the field (Conv-4).

    Args:
        width: filters of each block.
        size: height and width to which pictures are resized.
        channels: 1 for grey, 3 for colour.
        augment: some of ``flip``, ``crop`` and ``jitter``, in training.
    """
    return Conv4(width, size, channels, augment or ())


def _block(incoming: int, outgoing: int, pools: bool) -> nn.Sequential:
    convolution = nn.Conv2d(incoming, outgoing, 3, padding=1)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(convolution.bias)
    layers: list[nn.Module] = [convolution, nn.BatchNorm2d(outgoing)]
    if pools:  # before the ReLU, which commutes with it: the same numbers from a quarter of the work
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.ReLU())
