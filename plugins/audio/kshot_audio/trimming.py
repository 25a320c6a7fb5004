"""Voice activity: silence at the ends of a recording, and long pauses within it, cut out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kshot_audio.waveform import Waveform

FRAME = 0.03
"""Length in seconds of the stretches that are kept or cut."""
BELOW = 35.0
"""A stretch is quiet when its level lies so many dB below that of the loudest one."""
KEPT = 3
"""Stretches kept on either side of what is heard: word endings are soft."""


def trimmed(waveform: Waveform) -> Waveform:
    """The recording without stretches that are quiet for long; of one that would vanish, all of it.

    Energy-based: a stretch of 30 ms is quiet 35 dB below the loudest one, and what lies within 90 ms
    of one that is not stays, so that pauses up to 180 ms do. Levels are relative, so loudness does
    not matter; steady noise less than 35 dB below the speech is not cut.
    """
    size = max(1, round(FRAME * waveform.rate))
    heard = _dilated(_loud(waveform.samples, size))
    kept = np.repeat(heard, size)[: len(waveform.samples)]
    return Waveform(waveform.samples[kept], waveform.rate) if kept.any() else waveform


def _loud(samples: NDArray[np.float32], size: int) -> NDArray[np.bool_]:
    """(n,) samples → one answer for each stretch, the last one padded."""
    padded = np.pad(samples.astype(np.float64), (0, -len(samples) % size))
    energies = np.square(padded).reshape(-1, size).mean(axis=1)
    return energies > energies.max() * 10 ** (-BELOW / 10)


def _dilated(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.lib.stride_tricks.sliding_window_view(np.pad(heard, KEPT), 2 * KEPT + 1).any(axis=1)
