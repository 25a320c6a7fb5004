"""A network of torchvision as an encoder needs it: no classifier, no dropout, its stages told."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from kshot.encoders import without_dropout
from kshot.errors import KshotError, nearest
from kshot.functional import with_own_norms
from torch import nn

from kshot_image.encoders.mappable import MapMean, with_mappable_layers
from kshot_image.encoders.self_attention import with_own_attention

_BODIES = "features", "layers", "trunk_output", "blocks", "encoder.layers"
"""Where torchvision's families keep their stages; a family with none of these has them at the top."""


def check_name(model: str) -> None:
    """Refuse what is no classification network of torchvision.

    Raises:
        KshotError: names the nearest that is.
    """
    from torchvision import models

    names = models.list_models(module=models)
    if model not in names:
        raise KshotError(f"torchvision: no classification network '{model}'{nearest(model, names)}")


def build_network(model: str, size: int, classes: int, pretrained: bool) -> nn.Module:
    """The network with fresh weights and its classifier, in the form that published weights have.

    Args:
        model: name in ``torchvision.models``.
        size: height and width of its pictures.
        classes: outputs of the classifier.
        pretrained: True where ImageNet weights are loaded afterwards.
    """
    from torchvision import models

    options: dict[str, Any] = {"num_classes": classes}
    if model.startswith("vit_"):
        options["image_size"] = size
    elif model == "maxvit_t":
        options["input_size"] = size, size
    elif model in ("googlenet", "inception_v3"):
        # Their ImageNet weights expect pixels standardised otherwise than the transforms do it.
        options |= {"transform_input": pretrained, "init_weights": not pretrained, "aux_logits": False}
    return models.get_model(model, weights=None, **options)


def without_head(network: nn.Module, classes: int) -> tuple[nn.Module, int, str]:
    """The network itself, its classifier taken out.

    Every family registers its classifier last: a linear layer, or in SqueezeNet a 1x1 convolution.

    Returns:
        the network, the width of what the classifier saw, and the classifier's name.

    Raises:
        KshotError: the last layer does not classify.
    """
    layers = [(name, one) for name, one in network.named_modules() if isinstance(one, (nn.Linear, nn.Conv2d))]
    name, head = layers[-1]
    linear = isinstance(head, nn.Linear)
    if (head.out_features if linear else head.out_channels) != classes:
        raise KshotError(f"torchvision: the last layer of {type(network).__name__} ({name}) is no classifier")
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    return network, head.in_features if linear else head.in_channels, name


def settled(network: nn.Module) -> nn.Module:
    """The network itself, with norms whose second derivatives are right, and nothing left to chance."""
    from torchvision.ops import StochasticDepth

    for module in network.modules():
        if isinstance(module, StochasticDepth):
            module.p = 0.0
    network = with_mappable_layers(with_own_attention(_read_by_names(network)))
    return without_dropout(with_own_norms(network))


def _read_by_names(network: nn.Module) -> nn.Module:
    """The network itself, of MNASNet its layers: its own class refuses weights that come without their version, for
    which a checkpoint, a bundle and a safetensors file have no place."""
    from torchvision.models import MNASNet

    if not isinstance(network, MNASNet):
        return network
    return nn.Sequential(OrderedDict(layers=network.layers, mean=MapMean(2), flat=nn.Flatten()))


def stages(network: nn.Module) -> list[nn.Module]:
    """The network's stages, from input to output; layers where it has no stages (AlexNet, VGG)."""
    modules = dict(network.named_modules())
    body = next((modules[name] for name in _BODIES if name in modules), network)
    trained = [child for child in body.children() if any(True for _ in child.parameters())]
    return [child for child in trained if any(True for _ in child.children())] or trained
