"""The source ``voices``: 72 synthesised speakers, made once and kept."""

from __future__ import annotations

import hashlib
import json
import threading
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, final

import numpy as np
from kshot.errors import KshotError
from kshot.files import cache_dir, write_atomic_with
from kshot.interfaces import SPLITS, Presentation, Source, Split
from kshot.sampling import Catalogue
from numpy.typing import NDArray
from pydantic import Field

from kshot_audio.voices.engine import engine, require_engine
from kshot_audio.voices.nuisance import cut, resize, spoil
from kshot_audio.voices.recipe import Line, lines
from kshot_audio.voices.speakers import SPEAKERS
from kshot_audio.waveform import Waveform, encode_wav

RATE = 16000
"""Samples per second of the finished clips."""
CONTENT = "voices 1"
"""Raised whenever the same options come to mean other clips."""

_making = threading.Lock()


@final
class Voices(Source):
    """Who is speaking? Speakers synthesised by eSpeak NG, heard for a moment through noise.

    48 speakers to train, 8 to validate, 16 to test, no speaker in two splits. Every clip is a
    piece of a sentence of its own at a rate of 140-210 words per minute and a pitch of 35-65,
    through a random channel and 8-15 dB above coloured noise.

    The clips are made at the first :meth:`fetch`, all in one order, and kept in the cache
    folder; catalogues need no audio.

    Args:
        utterances: clips of each speaker, 2 or more.
        seconds: length of a clip, 0.2 … 1.5 (a sentence said fast lasts little longer).
        seed: another seed gives other sentences, channels and noise.

    Raises:
        KshotError: eSpeak NG is not installed.
    """

    modality = "audio"

    def __init__(
        self,
        *,
        utterances: Annotated[int, Field(ge=2)] = 20,
        seconds: Annotated[float, Field(ge=0.2, le=1.5)] = 0.7,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self._engine_version = require_engine()
        self._samples = round(seconds * RATE)
        self._options = {"utterances": utterances, "seconds": seconds, "seed": seed}
        speakers = [speaker for one in SPLITS for speaker in SPEAKERS[one]]
        self._lines = [line for speaker in speakers for line in lines(speaker, utterances, seed)]
        self._catalogues: dict[Split, Catalogue] = {}

    def catalogue(self, split: Split) -> Catalogue:
        """Speakers and clips of one split; keys number a speaker's clips."""
        if split not in self._catalogues:
            speakers = set(SPEAKERS[split])
            rows = [row for row, line in enumerate(self._lines) if line.speaker in speakers]
            self._catalogues[split] = Catalogue.build(
                [self._lines[row].speaker for row in rows],
                [self._lines[row].key for row in rows],
                version=self._version,
                rows=rows,
            )
        return self._catalogues[split]

    def fetch(self, row: int) -> Waveform:
        """Clip ``row``, counted through train, validation and test."""
        return Waveform(self._clips[row].astype(np.float32) / np.float32(32768), RATE)

    def present(self, raw: Any) -> Presentation:
        """The clip as a WAV file."""
        return Presentation("audio/wav", encode_wav(raw))

    @property
    def _version(self) -> str:
        # No hash of the samples: machines may differ in their last bits, episodes must not.
        options = json.dumps(self._options, sort_keys=True)
        return f"{CONTENT}, espeakng-loader {self._engine_version}, {options}"

    @property
    def path(self) -> Path:
        """Where the clips are kept: an (N, n) array of 16-bit samples."""
        return cache_dir("voices") / f"{hashlib.sha256(self._version.encode()).hexdigest()[:16]}.npy"

    @cached_property
    def _clips(self) -> NDArray[np.int16]:
        shape = (len(self._lines), self._samples)
        with _making:
            kept = _read(self.path, shape)
            if kept is None:
                _write(self.path, synthesise(self._lines, self._samples))
                kept = _read(self.path, shape)
        if kept is None:
            raise KshotError(f"the clips just written to {self.path} cannot be read back; check the disk")
        return kept


def synthesise(spoken: list[Line], length: int) -> NDArray[np.int16]:
    """(N, length) clips of N lines, in their order, from a new engine."""
    clips = np.empty((len(spoken), length), dtype=np.int16)
    with engine() as (speak, rate):
        for clip, line in zip(clips, spoken, strict=True):
            sentence = speak(line.speaker, line.sentence, line.rate, line.pitch)
            piece = cut(sentence, round(length * rate / RATE), line.place)
            clip[:] = np.rint(spoil(resize(piece, length), RATE, line) * 32767)
    return clips


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.int16] | None:
    """The kept clips, or None where there are none or they are damaged."""
    try:
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return clips if clips.shape == shape and clips.dtype == np.int16 else None


def _write(path: Path, clips: NDArray[np.int16]) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, clips, allow_pickle=False)

    write_atomic_with(path, write)
