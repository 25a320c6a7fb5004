"""The baseline that learns nothing: raw pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, final

from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor

from kshot_image.pictures import pixel_values


@final
class Pixels(Encoder):
    """A resized picture, flattened; there are no parameters.

    Args:
        size: height and width to which pictures are resized.
        channels: 1 for grey, 3 for colour.
    """

    modality = "image"

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        self.dim = channels * size * size

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, channels, size, size), white 0 and black 1."""
        return {"pixel_values": pixel_values(raw, self.size, self.channels, "pixels")}

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, channels, size, size) → (B, channels * size * size)."""
        return inputs["pixel_values"].flatten(1)


def pixels(*, size: Annotated[int, Field(ge=1)] = 28, channels: Literal[1, 3] = 1) -> Encoder:
    """Raw pixels, the baseline with nothing to train.

    Args:
        size: height and width to which pictures are resized.
        channels: 1 for grey, 3 for colour.
    """
    return Pixels(size, channels)
