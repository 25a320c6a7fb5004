"""A source for tests: chords of one or two tones, told apart by every encoder of recordings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, final

import numpy as np
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue

from kshot_audio.waveform import Waveform, encode_wav

RATE = 4000
EXAMPLES = 12

_PITCHES = [200 * 1.45**step for step in range(6)]
_CHORDS = [*combinations(range(6), 1), *combinations(range(6), 2)]
_OF: Mapping[Split, tuple[int, int]] = {"train": (0, 8), "validation": (8, 13), "test": (13, 21)}


@final
class TinyRecordings(Source):
    """A tenth of a second of one or two tones in some noise; 21 classes of 12 recordings.

    Args:
        seed: of lengths, pitches within 3 %, phases and noise.
    """

    modality = "audio"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._catalogues = {split: self._catalogue(*bounds) for split, bounds in _OF.items()}

    def catalogue(self, split: Split) -> Catalogue:
        """Eight classes to train, five to validate, eight to test."""
        return self._catalogues[split]

    def fetch(self, row: int) -> Waveform:
        """A waveform of 4 kHz."""
        generator = np.random.Generator(np.random.Philox(key=[self._seed, row]))
        time = np.arange(int(RATE * generator.uniform(0.08, 0.12))) / RATE
        samples = 0.02 * generator.standard_normal(len(time))
        for step in _CHORDS[row // EXAMPLES]:
            pitch = _PITCHES[step] * generator.uniform(0.97, 1.03)
            samples += 0.3 * np.sin(2 * np.pi * (pitch * time + generator.uniform()))
        return Waveform(samples.astype(np.float32), RATE)

    def present(self, raw: Any) -> Presentation:
        """A WAV file."""
        return Presentation("audio/wav", encode_wav(raw))

    def hostile(self) -> Mapping[str, Waveform]:
        """Recordings of no sample, of one, of a minute, of silence, too loud, NaN, without a rate."""
        tone = 0.3 * np.sin(np.arange(400, dtype=np.float32))
        spoilt = tone.copy()
        spoilt[7] = np.nan
        return {
            "without samples": Waveform(tone[:0], RATE),
            "one sample": Waveform(tone[1:2], RATE),
            "a minute long": Waveform(np.resize(tone, 60 * RATE), RATE),
            "silent": Waveform(np.zeros(400, dtype=np.float32), RATE),
            "beyond full scale": Waveform(np.float32(1e6) * tone, RATE),
            "NaN": Waveform(spoilt, RATE),
            "infinite": Waveform(np.full(400, np.inf, dtype=np.float32), RATE),
        }

    def _catalogue(self, start: int, stop: int) -> Catalogue:
        rows = range(start * EXAMPLES, stop * EXAMPLES)
        labels = ["-".join(f"{_PITCHES[step]:04.0f}-Hz" for step in _CHORDS[row // EXAMPLES]) for row in rows]
        keys = [f"{row % EXAMPLES:02d}" for row in rows]
        return Catalogue.build(labels, keys, rows=rows, version=f"tiny-recordings-1 {self._seed}")
