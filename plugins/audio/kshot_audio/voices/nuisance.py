"""What lies between a speaker and the microphone: a channel, noise, a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kshot_audio.voices.recipe import Line

Samples = NDArray[np.float32]

SNR = (8.0, 15.0)
"""Speech over noise, in dB."""
COLOURING = 6.0
"""Largest gain or loss of the channel at one of its points, in dB."""
LEVELS = (-32.0, -20.0)
"""Root mean square of the finished clip, in dB of full scale."""
LOWEST = 125.0
"""Frequency of the channel's first point, in Hz; the last lies at half the sampling rate."""


def cut(samples: Samples, length: int, place: float) -> Samples:
    """(length,) samples from within (n,): never the first or last tenth, if there is room."""
    room = len(samples) - length
    edge = min(len(samples) // 10, max(room, 0) // 2)
    start = edge + round(place * (room - 2 * edge))
    piece = samples[max(start, 0) :][:length]
    return np.pad(piece, (0, length - len(piece)))


def resize(samples: Samples, length: int) -> Samples:
    """(n,) samples as (length,) samples of the same duration, band-limited; ``length`` at most n.

    By cutting the spectrum, so the clip's ends are joined as if it were periodic. (A filter
    would need torchaudio, which spreads such small work over threads that wait for each other.)
    """
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, n=length) * (length / len(samples))).astype(np.float32)


def spoil(samples: Samples, rate: int, line: Line, ratios: tuple[float, float] = SNR) -> Samples:
    """Channel, noise and level of ``line`` upon (n,) samples; returns (n,) in [-1, 1].

    Args:
        samples: at ``rate`` samples per second.
        rate: of the samples.
        line: what spoils them.
        ratios: least and greatest speech over noise, in dB.
    """
    heard = _through(samples, rate, line.channel)
    noise = _coloured(len(samples), line.noise_seed, line.noise_colour)
    snr = ratios[0] + line.noise * (ratios[1] - ratios[0])
    mixed = heard / _rms(heard) + noise / _rms(noise) * 10 ** (-snr / 20)
    level = LEVELS[0] + line.loudness * (LEVELS[1] - LEVELS[0])
    return np.clip(mixed / _rms(mixed) * 10 ** (level / 20), -1, 1).astype(np.float32)


def _through(samples: Samples, rate: int, channel: tuple[float, ...]) -> NDArray[np.float64]:
    """Filter with a gain that runs smoothly through the channel's points."""
    spectrum = np.fft.rfft(samples)
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    points = np.geomspace(LOWEST, rate / 2, len(channel))
    decibels = COLOURING * np.interp(np.log(np.maximum(frequency, LOWEST)), np.log(points), channel)
    return np.fft.irfft(spectrum * 10 ** (decibels / 20), n=len(samples))


def _coloured(length: int, seed: int, colour: float) -> NDArray[np.float64]:
    """Gaussian noise whose spectrum falls by ``6 · colour`` dB an octave above 100 Hz."""
    white = np.random.Generator(np.random.Philox(key=seed)).standard_normal(length)
    steps = np.arange(length // 2 + 1)
    corner = max(1, length // 160)  # 100 Hz at 16 kHz
    return np.fft.irfft(np.fft.rfft(white) * (np.maximum(steps, corner) / corner) ** -colour, n=length)


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9
