"""The windows over which Resemblyzer averages."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, STEP = 160, 77
"""Frames in a window, and between the beginnings of two (1.3 a second)."""
COVERED = 120
"""The last window of several must have so many frames of the recording: three quarters."""


def windows_of(frames: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Windows of padded recordings, filled up with zeros where the recording ends within one.

    Args:
        frames: (B, F, M), zero behind a recording's end.
        counts: (B,) frames of each.

    Returns:
        (B, W, 160, M) windows, and (B, W) bool, False for those that lie behind the last one of a
        recording.
    """
    # Of the frames that touch a recording the last has its centre behind the end; the package does
    # not count it.
    counts = counts - 1
    steps = (counts - WINDOW + STEP + 1).clamp_min(1)
    windows = (steps + STEP - 1) // STEP
    covered = counts - 1 - (windows - 1) * STEP
    windows = windows - ((covered < COVERED) & (windows > 1)).to(windows.dtype)
    needed = max(1, -(-(frames.shape[1] - WINDOW + STEP) // STEP))
    missing = (needed - 1) * STEP + WINDOW - frames.shape[1]
    cut = F.pad(frames, (0, 0, 0, max(0, missing))).unfold(1, WINDOW, STEP)[:, :needed].mT
    return cut, torch.arange(needed, device=counts.device) < windows[:, None]
