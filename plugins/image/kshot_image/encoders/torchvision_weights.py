"""Weights for a network of torchvision: published ones by name, a file's, or none."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from kshot.errors import KshotError, listing, nearest
from torch import Tensor

_FILES = ".safetensors", ".pth", ".pt"
_TERMS = "none stated by torchvision; the terms of ImageNet may apply"


@dataclass(frozen=True)
class Weights:
    """Which weights are to be loaded, and how pictures are to be presented to them.

    Attributes:
        who: the encoder, for messages.
        entry: the entry of torchvision's enum whose transforms hold.
        file: a file in place of the entry's.
        scratch: True where none are loaded.
    """

    who: str
    entry: Any
    file: Path | None = None
    scratch: bool = False

    @property
    def licence(self) -> str:
        """What is said of the weights; empty of one's own."""
        return "" if self.scratch or self.file else self.entry.meta.get("license", _TERMS)

    def load(self) -> Mapping[str, Tensor]:
        """Parameters and buffers by name.

        Raises:
            KshotError: they are not here and cannot be had, or cannot be read.
        """
        return _published(self.who, self.entry) if self.file is None else _read(self.who, self.file)


def find_weights(model: str, weights: str | None) -> Weights:
    """What the option ``weights`` means for a network.

    Args:
        model: name in ``torchvision.models``.
        weights: name in the network's enum, a file, or none.

    Raises:
        KshotError: no such file or name.
    """
    from torchvision import models

    who, names = f"torchvision:{model}", models.get_model_weights(model)
    if weights is None:
        return Weights(who, names["DEFAULT"], scratch=True)
    file = Path(weights).expanduser()
    if file.suffix in _FILES:
        if not file.is_file():
            beside = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
            raise KshotError(f"{who}: no such file: {file}{nearest(file.name, beside)}")
        return Weights(who, names["DEFAULT"], file)
    if weights not in names.__members__:
        known = listing(list(names.__members__))
        raise KshotError(
            f"{who}: no weights '{weights}'; there are {known}, a file "
            f"({', '.join(_FILES)}), or null to start from scratch"
        )
    return Weights(who, names[weights])


def _published(who: str, entry: Any) -> Mapping[str, Tensor]:
    """torchvision's own way, but for pickles."""
    address = urlsplit(entry.url)
    place = Path(torch.hub.get_dir()) / "checkpoints"
    name = Path(address.path).name
    try:
        return entry.get_state_dict(progress=False, check_hash=True, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        if (place / name).exists():
            raise KshotError(
                f"{who}: {place / name} cannot be read ({reason(error)}); delete it to fetch it again"
            ) from error
        raise KshotError(
            f"{who}: the weights {entry.name} are not on this machine and could not be fetched ({reason(error)}); "
            f"put {name} ({address.path.lstrip('/')} of {address.netloc}) into {place}, or start from "
            "scratch by weights: null"
        ) from error


def _read(who: str, file: Path) -> Mapping[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors and torch raise of many families
        raise KshotError(
            f"{who}: {file} cannot be read as weights without pickle: {reason(error)}"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise KshotError(f"{who}: {file} holds no state_dict; save model.state_dict() there")
    return state


def reason(error: Exception) -> str:
    """The first line of what a library raised."""
    return next(iter(str(error).splitlines()), type(error).__name__)
