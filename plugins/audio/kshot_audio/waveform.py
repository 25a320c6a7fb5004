"""One recording in memory, and the ways in and out of it."""

from __future__ import annotations

import io
import math
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from kshot.errors import DataError
from numpy.typing import NDArray

SILENCE = 1e-4
"""A recording that strays less than this (-80 dB of full scale) from its mean holds nothing to hear."""

MAX_SECONDS = 600
"""A recording that lasts longer is refused unless more is asked for: an hour of it is no example of a class."""

MAX_SAMPLES = 2**28
"""Of one recording, whatever it lasts: a gigabyte in memory."""

MAX_FILTER = 2**22
"""Coefficients of a resampling filter: from 44,100 to 16,000 per second it has 80,000, from 44,101 to 16,000 with
which that number shares no divisor 700 million, which takes gigabytes."""

_PIECE = 65_536
_FILTER_WIDTH = 6  # torchaudio's


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


def decode(content: bytes, most: float = MAX_SECONDS) -> Waveform:
    """Read an audio file (WAV, FLAC, Ogg, MP3 and what else libsndfile knows).

    Several channels are averaged into one. A recording that goes beyond full scale, as float
    files may, is scaled down to it. It is unpacked a piece at a time, since its header may lie.

    Args:
        content: the file.
        most: seconds that it may last.

    Raises:
        ValueError: not an audio file, or one without samples, with NaN or infinite samples,
            silent, or too long; the message gives the reason in a few words.
    """
    with opened(content) as sound:
        return Waveform(checked(mono(sound, most, "max_seconds")), int(sound.samplerate))


@contextmanager
def opened(content: bytes) -> Generator[Any]:
    """A ``soundfile.SoundFile``, for as long as the block lasts.

    Raises:
        ValueError: not an audio file, or damaged where the block reads it.
    """
    import soundfile

    if not content:
        raise ValueError("the file is empty")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as sound:
            yield sound
    except (soundfile.SoundFileError, RuntimeError) as error:
        reason = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise ValueError(f"not a readable audio file ({reason})") from error


def mono(sound: Any, most: float, option: str = "") -> NDArray[np.float32]:
    """The samples of an open file, channels averaged, read a piece at a time.

    Args:
        sound: a ``soundfile.SoundFile``.
        most: seconds that it may last.
        option: of a table of recordings, by which it takes longer ones; for the message.

    Raises:
        ValueError: it lasts longer, or has more samples than ``most`` seconds could have.
    """
    limit = min(most * sound.samplerate, MAX_SAMPLES)
    pieces: list[NDArray[np.float32]] = []
    count = 0
    while len(piece := sound.read(max(1, _PIECE // sound.channels), dtype="float32", always_2d=True)):
        count += len(piece)
        if count > limit:
            longest = limit / sound.samplerate
            mend = (
                f"; cut it (a table of recordings takes longer ones by its option {option})" if option else ""
            )
            raise ValueError(f"longer than {longest:g} seconds{mend}")
        pieces.append(piece.mean(axis=1))
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def encode_wav(waveform: Waveform) -> bytes:
    """The recording as a WAV file of 16-bit samples."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, waveform.samples, waveform.rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def resample(waveform: Waveform, rate: int) -> Waveform:
    """The same recording at ``rate`` samples per second, band-limited.

    Raises:
        DataError: the two rates have so little in common that the filter between them would fill the memory.
    """
    if waveform.rate == rate:
        return waveform
    common = math.gcd(waveform.rate, rate)
    old, new = waveform.rate // common, rate // common
    if (
        new * (old + 2 * _FILTER_WIDTH * max(1, old // new)) > MAX_FILTER
        or len(waveform.samples) * new / old > MAX_SAMPLES
    ):
        raise DataError(
            f"a recording of {waveform.rate} samples per second cannot be brought to {rate}; "
            "convert it to a usual rate, such as 16000 or 44100, first"
        )
    import torch

    with torch.autocast("cpu", enabled=False):
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
    least, most, mean = float(samples.min()), float(samples.max()), float(samples.mean(dtype=np.float64))
    if max(most - mean, mean - least) < SILENCE:  # A-law has no zero, and a converter's zero lies elsewhere
        raise ValueError("silent from beginning to end")
    peak = max(most, -least)
    return samples / np.float32(peak) if peak > 1 else samples
