"""Low-rank adapters, put into an encoder by peft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from torch import nn

from kshot.errors import KshotError

INSTALL = 'pip install "kshot[lora]"'


M = TypeVar("M", bound=nn.Module)


def add_lora(
    encoder: M, rank: int = 8, *, alpha: int | None = None, targets: Sequence[str] | None = None
) -> M:
    """Put low-rank adapters beside an encoder's layers; all else of it stops training.

    Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022. A layer's weight W
    becomes W + (alpha / rank) · B A, with B zero at the start: embeddings stay as they were until
    the adapters train (``train: lora``) or an inner loop adapts them (``adapt: lora``).

    Args:
        encoder: changed in place.
        rank: of the product B A.
        alpha: numerator of its scale; default: the rank.
        targets: layers by the end of their name, such as ``query``; default: every linear and
            plain convolutional layer (peft cannot serve recurrent layers, ``nn.MultiheadAttention``,
            nor dilated or grouped convolutions).

    Returns:
        the encoder.

    Raises:
        KshotError: peft is not installed.
        ValueError: no layer to adapt, a target that names none, or adapters already there.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise KshotError(f"LoRA needs peft, which is not installed; {INSTALL}") from error
    who = type(encoder).__name__
    if lora_parameters(encoder):
        raise ValueError(f"{who} has LoRA adapters already")
    layers = _layers(encoder)
    if not layers:
        raise ValueError(f"{who} has no linear or plain convolutional layer that LoRA could adapt")
    chosen = layers if targets is None else [name for name in layers if _ends_in(name, targets)]
    for target in targets or ():
        if not any(_ends_in(name, [target]) for name in layers):
            ends = sorted({name.rpartition(".")[2] for name in layers})
            raise ValueError(f"lora.targets: {who} has no layer '{target}'; it has {', '.join(ends)}")
    # peft matches a list by the names' ends, which could hit layers of another kind; a pattern is exact.
    pattern = "|".join(name.replace(".", r"\.") for name in chosen)
    config = LoraConfig(r=rank, lora_alpha=rank if alpha is None else alpha, target_modules=pattern)
    inject_adapter_in_model(config, encoder)
    return encoder


def lora_parameters(encoder: nn.Module) -> list[str]:
    """Names of the adapters' parameters; none where there are no adapters."""
    return [name for name, _ in encoder.named_parameters() if ".lora_" in name]


def _layers(encoder: nn.Module) -> list[str]:
    # Attention of torch's own reads its output layer's weight without calling the layer.
    closed = [
        f"{name}." for name, module in encoder.named_modules() if isinstance(module, nn.MultiheadAttention)
    ]
    return [
        name
        for name, module in encoder.named_modules()
        if _fits(module) and not name.startswith(tuple(closed))
    ]


def _fits(module: nn.Module) -> bool:
    if getattr(module, "bypassed", False):  # its weight is read without a call of it
        return False
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        # peft's adapters have the layer's kernel, stride and padding, but not its other properties;
        # it builds them by the layer's class, which a subclass's constructor need not stand.
        own = type(module) in (nn.Conv1d, nn.Conv2d, nn.Conv3d)
        return own and set(module.dilation) == {1} and module.groups == 1 and module.padding_mode == "zeros"
    return isinstance(module, nn.Linear)


def _ends_in(name: str, targets: Sequence[str]) -> bool:
    return any(name == target or name.endswith(f".{target}") for target in targets)
