"""Recordings as encoders take them: checked, at one rate, trimmed and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from kshot.errors import DataError
from torch import Tensor

from kshot_audio.trimming import trimmed
from kshot_audio.waveform import SILENCE, Waveform, resample


class Heard(NamedTuple):
    """What an encoder takes of a recording.

    Attributes:
        samples: (n,) float32, n ≥ 1.
        cut: True where the recording goes on.
    """

    samples: Tensor
    cut: bool


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

    def hear(self, raw: Sequence[Any]) -> list[Heard]:
        """B recordings → the samples of each.

        Raises:
            DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
        """
        return [self._heard(one) for one in raw]

    def _heard(self, waveform: Any) -> Heard:
        if not isinstance(waveform, Waveform):
            raise DataError(f"an audio encoder prepares recordings (Waveform), not {type(waveform).__name__}")
        if not len(waveform.samples):
            raise DataError("a recording without samples cannot be encoded")
        if waveform.samples.ndim != 1:
            shape = tuple(waveform.samples.shape)
            raise DataError(f"a recording has one channel, (n,) samples, not {shape}; average the channels")
        if not np.isfinite(waveform.samples).all():
            raise DataError("a recording with NaN or infinite samples cannot be encoded")
        found = resample(waveform, self.rate)
        if self.trim:
            found = trimmed(found)
        longest = None if self.seconds is None else max(1, round(self.seconds * self.rate))
        samples = torch.as_tensor(found.samples)[:longest]
        cut = len(samples) < len(found.samples)
        if not len(samples) or samples.abs().max() < SILENCE:
            part = f"'s first {self.seconds:g} s" if cut else ""
            raise DataError(f"a recording{part} is silent, so there is nothing to encode")
        return Heard(samples, cut)
