"""How a word is said: rate, pitch, and what lies between the voice and the microphone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from kshot.words import WordExample
from numpy.typing import NDArray

from kshot_audio.voices.engine import Speak, engine
from kshot_audio.voices.nuisance import resize, spoil
from kshot_audio.voices.recipe import BANDS, Line

RATE = 16000
"""Samples per second of the finished clips."""
RATES = (130, 210)
"""Words per minute."""
PITCHES = (30, 70)
"""eSpeak's pitch setting; 50 is the voice's own."""
SNR = (12.0, 30.0)
"""Speech over noise, in dB."""
QUIET = 0.01
"""What lies before the first and after the last sample of this share of the peak is silence, and cut off."""
BLOCK = 0.02
"""Seconds of which a clip's length is a multiple: Fourier transforms of such lengths are quick."""


def say(examples: Sequence[WordExample]) -> list[NDArray[np.int16]]:
    """The examples of one voice, each (n,) samples, said in their order by a new engine."""
    with engine() as (speak, rate):
        return [_said(example, speak, rate) for example in examples]


def line(example: WordExample) -> Line:
    """How an example is said and spoilt."""
    share = example.shares()
    return Line(
        speaker=example.manner,
        number=example.number,
        sentence=example.word,
        rate=_between(RATES, share[0]),
        pitch=_between(PITCHES, share[1]),
        place=0.0,
        loudness=share[2],
        noise=share[3],
        noise_colour=share[4],
        channel=tuple(2 * one - 1 for one in share[5 : 5 + BANDS]),
        noise_seed=int(example.random()[-1]),
    )


def _said(example: WordExample, speak: Speak, rate: int) -> NDArray[np.int16]:
    how = line(example)
    spoken = _without_silence(speak(how.speaker, how.sentence, how.rate, how.pitch))
    blocks = -(-len(spoken) // round(BLOCK * rate))
    filled = np.pad(spoken, (0, blocks * round(BLOCK * rate) - len(spoken)))
    clip = spoil(resize(filled, blocks * round(BLOCK * RATE)), RATE, how, SNR)
    return np.rint(clip * 32767).astype(np.int16)


def _without_silence(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    level = np.abs(samples)
    loud = np.flatnonzero(level > QUIET * level.max())
    return samples[loud[0] : loud[-1] + 1]


def _between(bounds: tuple[int, int], share: float) -> int:
    return bounds[0] + int(share * (bounds[1] - bounds[0] + 1))
