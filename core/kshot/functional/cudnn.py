"""Recurrent layers without cuDNN, whose kernels cannot be differentiated as learners need to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch

from kshot.functional.switches import Switch


@contextmanager
def without_cudnn(device: torch.device) -> Generator[None]:
    """Let torch's own kernels compute what lies on ``device``; nothing changes where it is no GPU.

    cuDNN's recurrent kernels have no second derivative, nor a first one in evaluation mode.
    """
    if device.type != "cuda":
        yield
        return
    with _switched_off():
        yield


@contextmanager
def _off() -> Generator[None]:
    # Not by cudnn.flags(), which sets the other flags too, and raises where a user has set precisions.
    before = torch.backends.cudnn.enabled
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before


_switched_off = Switch(_off)
