"""A WAV file as a picture: loudness over time and pitch, the pitch in mel bands."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BANDS = 80
_COLUMNS = 240
_WINDOW = 0.025
_MOST = 2**13  # samples of a window: 25 ms of what a header calls 800 million a second would fill the memory
_HOP = 0.01
_RANGE_DB = 65.0


@dataclass(frozen=True)
class Spectrogram:
    """The picture, the length of the sound in seconds and its highest frequency in Hz."""

    png: bytes
    seconds: float
    top: float


def spectrogram(wav: bytes) -> Spectrogram:
    """Draw a WAV file of 8-, 16-, 24- or 32-bit PCM.

    Raises:
        ValueError: it is not such a file, or holds no sound.
    """
    samples, rate = read_wav(wav)
    return Spectrogram(_picture(_decibels(samples, rate)), len(samples) / rate, rate / 2)


def read_wav(wav: bytes) -> tuple[Array, int]:
    """Samples (n,) in -1 … 1, channels averaged, and their rate in Hz.

    Raises:
        ValueError: not PCM WAV, or empty.
    """
    try:
        with wave.open(io.BytesIO(wav)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"not a PCM WAV file ({str(error) or 'it ends too early'})") from error
    frames = len(data) // (width * channels)
    if frames == 0 or rate <= 0:
        raise ValueError("the WAV file holds no sound")
    return _decode(data[: frames * width * channels], width).reshape(frames, channels).mean(axis=1), rate


def _decode(data: bytes, width: int) -> Array:
    if width == 1:
        return np.frombuffer(data, np.uint8).astype(np.float64) / 128 - 1
    # Each sample becomes the high bytes of a little-endian 32-bit number.
    words = np.zeros((len(data) // width, 4), np.uint8)
    words[:, 4 - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return words.view("<i4")[:, 0].astype(np.float64) / 2**31


def _decibels(samples: Array, rate: int) -> Array:
    """(n,) samples → (bands, columns) loudness in dB, low frequencies first."""
    window = min(max(16, round(_WINDOW * rate)), _MOST)
    size = 1 << (window - 1).bit_length()
    padded = np.pad(samples, (0, max(0, window - len(samples))))
    hop = max(1, round(_HOP * rate), -(-(len(padded) - window) // _COLUMNS))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), size)) ** 2
    return 10 * np.log10(_bands(power.T, rate) + 1e-10)


def _bands(power: Array, rate: int) -> Array:
    """(bins, columns) power → (bands, columns): mean of the bins of each mel band."""
    bins = power.shape[0]
    mels: Array = np.linspace(0.0, 2595 * math.log10(1 + rate / 1400), _BANDS + 1)
    edges: Array = 700 * (10 ** (mels / 2595) - 1) / (rate / 2) * (bins - 1)
    starts = np.minimum(edges[:-1].astype(int), bins - 1)
    stops = np.maximum(starts + 1, np.ceil(edges[1:]).astype(int))
    return np.stack([power[start:stop].mean(axis=0) for start, stop in zip(starts, stops, strict=True)])


def _picture(decibels: Array) -> bytes:
    from matplotlib import image

    library: Any = image  # its type stubs are incomplete
    stream = io.BytesIO()
    top = float(decibels.max())
    library.imsave(
        stream, decibels, vmin=top - _RANGE_DB, vmax=top, cmap="magma", origin="lower", format="png"
    )
    return stream.getvalue()
