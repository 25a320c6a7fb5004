"""From what a vision model gives to one embedding of each picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

Pooling = Callable[[Any, int], Tensor]
"""A model's output, and how many tokens stand before the patches → (B, D)."""

_CLASS = "cls_token"
_HEAD = "head."
"""Where AIMv2 has the token by which its head asks for an embedding: it stands before no patches."""
_FIRST = _CLASS, "class_embedding", "distillation_token", "register_tokens"
"""How families name the tokens that stand before the patches."""


def cls(output: Any, first: int) -> Tensor:
    """State of the class token.

    Raises:
        ValueError: there is none.
    """
    if not first:
        raise ValueError("it has no class token; pool by mean or pooler")
    apart = getattr(output, "cls_token_value", None)  # CvT does not keep it among the states of its map
    return output.last_hidden_state[:, 0] if apart is None else apart[:, 0]


def mean(output: Any, first: int) -> Tensor:
    """Mean over the patches, or over the last feature map."""
    states = output.last_hidden_state
    return states.mean((2, 3)) if states.ndim == 4 else states[:, first:].mean(1)


def pooler(output: Any, first: int) -> Tensor:
    """What the model's own pooling gives.

    Raises:
        ValueError: it has none.
    """
    del first
    if getattr(output, "pooler_output", None) is None:
        raise ValueError("it has no pooling of its own; pool by mean or cls")
    return output.pooler_output.flatten(1)


def either(output: Any, first: int) -> Tensor:
    """The model's own pooling where it has one, else the mean."""
    return (mean if getattr(output, "pooler_output", None) is None else pooler)(output, first)


def shared(output: Any, first: int) -> Tensor:
    """What a dual model's tower gives, as it is."""
    del first
    return output


POOLINGS: Mapping[str, Pooling] = MappingProxyType(
    {"cls": cls, "mean": mean, "pooler": pooler, "shared": shared}
)


def usual_pooling(model: nn.Module) -> Pooling:
    """What users of the model take.

    The class token of ViT, DeiT, DINOv2 and their kin: their pooling layers were trained for a task,
    if at all. Of others their own pooling: CLIP's normed class token, SigLIP's attention, the mean
    of ConvNeXt, Swin and ResNet.
    """
    return cls if any(name.endswith(_CLASS) for name in _tokens(model)) else either


def tokens_before(model: nn.Module) -> int:
    """How many tokens stand before the patches."""
    return sum(one.shape[-2] if one.ndim > 1 else 1 for one in _tokens(model).values())


def _tokens(model: nn.Module) -> Mapping[str, Tensor]:
    """The tables of tokens that stand before the patches."""
    own = {name: one for name, one in model.named_parameters() if name.endswith(_FIRST)}
    return {name: one for name, one in own.items() if not name.startswith(_HEAD)}
