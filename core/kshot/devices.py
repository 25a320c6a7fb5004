"""Where to compute, as people say it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

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


def sent(array: np.ndarray, device: torch.device) -> Tensor:
    """An array's numbers on a device. A GPU takes them when it gets there, and is not waited for."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return tensor.to(device)
    # Only from pinned memory is a copy one that nobody waits for.
    return tensor.pin_memory().to(device, non_blocking=True)
