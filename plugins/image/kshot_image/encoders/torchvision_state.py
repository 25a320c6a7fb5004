"""A state_dict as torchvision publishes it, put into a network without its classifier."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from kshot.errors import KshotError, listing
from torch import Tensor

from kshot_image.encoders.torchvision_weights import reason

_AUXILIARY = "AuxLogits.", "aux1.", "aux2."
"""Classifiers half-way up, of GoogLeNet and Inception."""

_DOTTED = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""Names of DenseNet's published weights, older than those of its layers."""


def fill(network: Any, state: Mapping[str, Tensor], who: str, head: str, side: int) -> None:
    """Load all weights but those of classifiers.

    Args:
        network: one without its classifier.
        state: parameters and buffers by name.
        who: the encoder, for messages.
        head: where the classifier stood.
        side: height and width of the network's pictures.

    Raises:
        KshotError: the weights are of another network.
    """
    left = f"{head}.", *_AUXILIARY
    own = OrderedDict((_DOTTED.sub(r"\1\2", k), v) for k, v in state.items() if not k.startswith(left))
    # Versions of layers, by which they read older weights; safetensors has no place for them.
    own._metadata = getattr(state, "_metadata", network.state_dict()._metadata)
    try:
        if hasattr(network, "patch_size"):
            from torchvision.models.vision_transformer import interpolate_embeddings

            # Trained at one size, used at another: the positions' table is stretched.
            own = interpolate_embeddings(side, network.patch_size, own)
        missing, unknown = network.load_state_dict(own, strict=False)
    except (RuntimeError, ValueError, KeyError) as error:
        raise KshotError(f"{who}: these weights are of another network: {reason(error)}") from error
    if missing or unknown:
        odd = [f"{name} is missing" for name in missing] + [f"{name} is unknown" for name in unknown]
        raise KshotError(f"{who}: these weights are of another network: {listing(odd, 4)}")
