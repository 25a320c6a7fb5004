"""Texts in a ``state_dict``: what is no tensor by nature, as UTF-8 bytes."""

from __future__ import annotations

import torch
from torch import Tensor


def bytes_of(text: str) -> Tensor:
    """A text → (n,) uint8."""
    data = bytearray(text.encode())
    return torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def text_of(data: Tensor) -> str:
    """(n,) uint8 → the text that :func:`bytes_of` was given."""
    return bytes(data.cpu().tolist()).decode()
