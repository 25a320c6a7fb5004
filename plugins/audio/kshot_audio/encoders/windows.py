"""Windows of one length, so that no layer meets padding."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(frames: Tensor, mask: Tensor, length: int, count: int) -> Tensor:
    """Evenly spaced windows of each recording, from its beginning to its end.

    What is shorter than a window is repeated to fill it, which is what speaker networks are
    trained with, and batch norms see no padding. One window lies in the middle.

    Args:
        frames: (B, F, M).
        mask: (B, F, 1) of ones and zeros; each recording has a frame at least.
        length: L, frames of a window.
        count: W, windows of a recording.

    Returns:
        (B, W, L, M); W is 1 where no recording can be longer than a window, as all its windows
        would be the same.
    """
    if frames.shape[1] <= length:
        count = 1
    valid = mask.sum(1).long()
    device = frames.device
    shares = torch.linspace(0, 1, count, device=device) if count > 1 else torch.full((1,), 0.5, device=device)
    first = ((valid - length).clamp_min(0) * shares.to(frames)).long()
    places = (first.unsqueeze(2) + torch.arange(length, device=device)) % valid.unsqueeze(2)
    chosen = places.flatten(1).unsqueeze(2).expand(-1, -1, frames.shape[2])
    return frames.gather(1, chosen).unflatten(1, (count, length))
