"""Any classification network of torchvision, without its classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
from kshot.encoders import take_part
from kshot.episode import Inputs
from kshot.errors import KshotError
from kshot.functional import differentiable
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Generator, Tensor, nn

from kshot_image.augmentation import Augmentation, Name
from kshot_image.cropping import Cropping
from kshot_image.encoders.standard import Standardise
from kshot_image.encoders.torchvision_network import build_network, check_name, settled, stages, without_head
from kshot_image.encoders.torchvision_state import fill
from kshot_image.encoders.torchvision_weights import Weights, find_weights, reason

_SIDE = 224
"""Of pictures for a network from scratch."""


@final
class TorchvisionBackbone(Encoder):
    """What a network of ``torchvision.models`` gives its classifier; (B, the network's own width).

    Pictures are presented as the weights' own transforms do it: the shorter side resized, the
    centre cut out, channels standardised. Dropout and stochastic depth are off: they would draw from
    torch's global random state.

    Args:
        model: name of the network.
        weights: which weights it starts from.
        size: height and width of its pictures; default: as the weights say.
        augment: see :class:`Augmentation`.

    Raises:
        KshotError: the weights are not there or do not fit, or the network cannot take the size.
    """

    modality = "image"

    def __init__(self, model: str, weights: Weights, size: int | None, augment: Sequence[Name] = ()) -> None:
        super().__init__()
        self._augmentation = Augmentation(augment)
        self._who = weights.who
        self.pretrained, self.weights_licence = not weights.scratch, weights.licence
        preset = weights.entry.transforms()
        own, resized = preset.crop_size[0], preset.resize_size[0]
        side = size or (_SIDE if weights.scratch else own)
        # From scratch there is nothing to agree with, and the picture's rim may matter.
        shorter = side if weights.scratch else round(resized * side / own)
        self._cropping = Cropping(weights.who, side, shorter, preset.interpolation)
        self.standardise = Standardise(preset.mean, preset.std)
        self.network, width = _network(model, weights, side)
        self.dim = self._settle(width)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B PIL images → ``pixel_values`` (B, 3, size, size) uint8."""
        return {"pixel_values": self._cropping(raw)}

    def forward(self, inputs: Inputs) -> Tensor:
        """``pixel_values`` (B, 3, size, size) → (B, dim)."""
        with differentiable():
            return self.network(self.standardise(inputs["pixel_values"]))

    def augment(self, inputs: Inputs, generator: Generator) -> Inputs:
        """Vary the pictures."""
        if not self._augmentation:
            return inputs
        return {"pixel_values": self._augmentation(inputs["pixel_values"], generator)}

    @property
    def augments(self) -> bool:
        """True where pictures are varied."""
        return bool(self._augmentation)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The network's stages; of a vision transformer its layers."""
        return stages(self.network)

    def _settle(self, width: int) -> int:
        """The embedding's width, learnt by a black picture."""
        side = self._cropping.side
        black = {"pixel_values": torch.zeros(1, 3, side, side, dtype=torch.uint8)}
        self.eval()
        try:
            embedded, _ = take_part(self.network, lambda: self(black))
        except Exception as error:  # a network of pools and windows refuses sizes as it comes to them
            raise KshotError(
                f"{self._who} does not take pictures of {side} pixels: {reason(error)}"
            ) from error
        self.train()
        if tuple(embedded.shape) != (1, width):
            raise KshotError(f"{self._who}: embeds as {tuple(embedded.shape)}, not (1, {width})")
        return width


def torchvision_backbone(
    *,
    model: str,
    weights: str | None = "DEFAULT",
    size: Annotated[int, Field(ge=1)] | None = None,
    augment: list[Name] | None = None,
) -> Encoder:
    """A network of ``torchvision.models`` without its classifier; (B, its own width).

    Args:
        model: name of a classification network, such as ``resnet18``.
        weights: which of torchvision's weights, such as ``IMAGENET1K_V2``; default: its best; a file
            (.safetensors, .pth, .pt) of a state_dict; ``null``: none, from scratch.
        size: height and width of its pictures; default: as the weights' transforms say, 224 from
            scratch.
        augment: some of ``flip``, ``crop`` and ``jitter``, in training.

    Raises:
        KshotError: no such network, its weights are not there or do not fit, or the network cannot
            take the size.
    """
    check_name(model)
    return TorchvisionBackbone(model, find_weights(model, weights), size, augment or ())


def _network(model: str, weights: Weights, side: int) -> tuple[Any, int]:
    """The network with its weights, ready for learners, and its width."""
    classes = len(weights.entry.meta["categories"])
    try:
        network, width, head = without_head(build_network(model, side, classes, not weights.scratch), classes)
    except (AssertionError, RuntimeError, ValueError) as error:  # of sizes that cannot be cut into patches
        raise KshotError(f"{weights.who} does not take pictures of {side} pixels: {reason(error)}") from error
    if not weights.scratch:
        fill(network, weights.load(), weights.who, head, side)
    return settled(network), width
