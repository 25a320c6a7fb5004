"""Recordings as encoders take them: checked, at one rate, trimmed and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from kshot.errors import DataError
from torch import Tensor

from kshot_audio.trimming import trimmed
from kshot_audio.waveform import SILENCE, Waveform, resample


@dataclass(frozen=True)
class Listener:
    """How an encoder wants recordings.

    Attributes:
        rate: samples per second; other recordings are resampled.
        seconds: only so much of a recording's beginning counts; none: all of it.
        trim: True where silence at both ends, and long pauses, are cut out first.
    """

    rate: int
    seconds: float | None = None
    trim: bool = False

    def samples(self, raw: Sequence[Any]) -> list[Tensor]:
        """B recordings → (n,) float32 samples of each, n ≥ 1.

        Raises:
            DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
        """
        return [self._samples(one) for one in raw]

    def _samples(self, waveform: Any) -> Tensor:
        if not isinstance(waveform, Waveform):
            raise DataError(f"an audio encoder prepares recordings (Waveform), not {type(waveform).__name__}")
        if not len(waveform.samples):
            raise DataError("a recording without samples cannot be encoded")
        if waveform.samples.ndim != 1:
            shape = tuple(waveform.samples.shape)
            raise DataError(f"a recording has one channel, (n,) samples, not {shape}; average the channels")
        if not np.isfinite(waveform.samples).all():
            raise DataError("a recording with NaN or infinite samples cannot be encoded")
        heard = resample(waveform, self.rate)
        if self.trim:
            heard = trimmed(heard)
        longest = None if self.seconds is None else max(1, round(self.seconds * self.rate))
        samples = torch.as_tensor(heard.samples)[:longest]
        if not len(samples) or samples.abs().max() < SILENCE:
            part = "" if longest is None or longest >= len(heard.samples) else f"'s first {self.seconds:g} s"
            raise DataError(f"a recording{part} is silent, so there is nothing to encode")
        return samples
