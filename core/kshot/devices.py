"""Where to compute, as people say it."""

from __future__ import annotations

import torch

from kshot.errors import KshotError


def choose_device(name: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` → a device.

    Raises:
        KshotError: another name, or ``cuda`` without a usable CUDA device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise KshotError(f"device '{name}': choose auto, cpu or cuda")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise KshotError("device 'cuda': torch sees no CUDA device here; use cpu or auto")
    return torch.device(name)
