"""One recording in memory, and the ways in and out of it."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SILENCE = 1e-4
"""A recording whose peak lies below this (-80 dB of full scale) holds nothing to hear."""


class Waveform(NamedTuple):
    """A mono recording: the raw example of the modality ``audio``.

    Attributes:
        samples: (n,) float32 in [-1, 1].
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


def decode(content: bytes) -> Waveform:
    """Read an audio file (WAV, FLAC, Ogg, MP3 and what else libsndfile knows).

    Several channels are averaged into one. A recording that goes beyond full scale, as float
    files may, is scaled down to it.

    Raises:
        ValueError: not an audio file, or one without samples, with NaN or infinite samples, or
            silent; the message gives the reason in a few words.
    """
    import soundfile

    if not content:
        raise ValueError("the file is empty")
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise ValueError(f"not a readable audio file ({reason})") from error
    return Waveform(checked(samples.mean(axis=1)), int(rate))


def encode_wav(waveform: Waveform) -> bytes:
    """The recording as a WAV file of 16-bit samples."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, waveform.samples, waveform.rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def resample(waveform: Waveform, rate: int) -> Waveform:
    """The same recording at ``rate`` samples per second, band-limited."""
    if waveform.rate == rate:
        return waveform
    import torch

    changed = _converter(waveform.rate, rate)(torch.as_tensor(waveform.samples))
    return Waveform(np.clip(changed.numpy(), -1, 1), rate)


@lru_cache(maxsize=16)
def _converter(old: int, new: int) -> Any:
    # The filter costs ten times as much to make as to use on a short clip.
    from torchaudio.transforms import Resample

    return Resample(old, new)


def checked(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(samples):
        raise ValueError("no samples")
    if not np.isfinite(samples).all():
        raise ValueError("NaN or infinite samples")
    peak = float(np.abs(samples).max())
    if peak < SILENCE:
        raise ValueError("silent from beginning to end")
    return samples / np.float32(peak) if peak > 1 else samples
