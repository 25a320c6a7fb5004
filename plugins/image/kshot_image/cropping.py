"""The middle of a picture, as networks trained on ImageNet are shown it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from PIL import Image
from torch import Tensor

from kshot_image.pictures import stacked


@final
@dataclass(frozen=True)
class Cropping:
    """Resize the shorter side, and cut out the centre.

    Attributes:
        who: the encoder, for messages.
        side: height and width of the result.
        shorter: what the shorter side is resized to.
        interpolation: torchvision's name of the filter; shrinking averages (antialiased).
    """

    who: str
    side: int
    shorter: int
    interpolation: Any

    def __call__(self, images: Sequence[Any]) -> Tensor:
        """B PIL images of any size and mode → (B, 3, side, side) uint8.

        Raises:
            DataError: an example that is no PIL image, whose mode cannot be shown, or that is too slim.
        """
        return stacked(images, self.side, 3, self.who, self._cut)

    def _cut(self, image: Image.Image) -> Image.Image:
        from torchvision.transforms import functional as F

        refuse_slim(image)
        resized = F.resize(image, [self.shorter], interpolation=self.interpolation, antialias=True)
        return F.center_crop(resized, [self.side])


SLIMMEST = 100
"""A picture whose one side is longer than so many of the other is refused: of what is cut out of its
middle nobody could tell what it was, and resized it would fill the memory."""


def refuse_slim(image: Image.Image) -> None:
    """Refuse a picture that no square can be cut out of.

    Raises:
        ValueError: with a short reason.
    """
    if max(image.size) > SLIMMEST * min(image.size):
        raise ValueError(f"{image.width} x {image.height} is too slim to cut a square out of it")
