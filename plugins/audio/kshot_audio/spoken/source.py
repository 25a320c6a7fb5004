"""The embedded source of spoken words."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, final

import numpy as np
from kshot.files import cache_dir
from kshot.interfaces import SPLITS, Presentation, Split
from kshot.words import MOST, Count, Several, TestManners, TestWords, WordExample, WordSource
from numpy.typing import NDArray
from pydantic import Field

from kshot_audio.spoken.clips import Clips, keep, kept_in
from kshot_audio.spoken.saying import RATE, say
from kshot_audio.voices.engine import require_engine
from kshot_audio.voices.speakers import SPEAKERS
from kshot_audio.waveform import Waveform, encode_wav

KIND = "spoken_words 1"

_making = threading.Lock()


@final
class SpokenWords(WordSource):
    """Which word is said? English words spoken by eSpeak NG, trimmed, through a channel and noise.

    4,000 words, 48 voices to train, 8 to validate, 16 to test; neither word nor voice is in two
    splits. Said at 130-210 words per minute, 12-30 dB above noise. Example group ``voice``.

    The clips of a split are made when the first of them is asked for, a voice at a time, and kept in
    the cache folder (25,000 clips take under a minute and 300 MB).

    Args:
        words: the so many most frequent words.
        examples: clips of each training word.
        test_examples: clips of each validation and test word.
        seed: another gives other rates, pitches, channels and noise.
        test_words: ``seen``: test on training words, in new clips.
        test_voices: ``seen``: test in the training voices, in new clips.

    Raises:
        KshotError: eSpeak NG is not installed.
    """

    modality = "audio"

    def __init__(
        self,
        *,
        words: Count = MOST,
        examples: Several = 8,
        test_examples: Several = 16,
        seed: Annotated[int, Field(ge=0)] = 0,
        test_words: TestWords = "unseen",
        test_voices: TestManners = "unseen",
    ) -> None:
        voices = dict(SPEAKERS)
        if test_voices == "seen":
            voices["test"] = SPEAKERS["train"]
        super().__init__(
            f"{KIND}, espeakng-loader {require_engine()}",
            voices,
            "voice",
            words=words,
            examples=examples,
            test_examples=test_examples,
            seed=seed,
            test_words=test_words,
        )
        self._clips: dict[Split, Clips] = {}

    def fetch(self, row: int) -> Waveform:
        """The clip, at 16 kHz."""
        split = next(split for split in SPLITS if row in self.spans[split])
        clip = self._made(split)[row - self.spans[split].start]
        return Waveform(clip.astype(np.float32) / np.float32(32768), RATE)

    def present(self, raw: Any) -> Presentation:
        """The clip as a WAV file."""
        return Presentation("audio/wav", encode_wav(raw))

    def path(self, split: Split) -> Path:
        """Where the clips of a split are kept."""
        # No hash of the samples: machines may differ in their last bits.
        spoken = hashlib.sha256(self.catalogue(split).fingerprint.encode()).hexdigest()
        return cache_dir("words") / f"{split}-{spoken[:16]}.safetensors"

    def _made(self, split: Split) -> Clips:
        with _making:
            if split not in self._clips:
                examples = [self.examples[row] for row in self.spans[split]]
                kept = kept_in(self.path(split), len(examples))
                self._clips[split] = kept or keep(_spoken(examples), self.path(split))
            return self._clips[split]


def _spoken(examples: Sequence[WordExample]) -> list[NDArray[np.int16]]:
    """The clips of N examples, in their order; each voice says its own in one go."""
    by_voice: dict[str, list[int]] = {}
    for place, example in enumerate(examples):
        by_voice.setdefault(example.manner, []).append(place)
    clips = {}
    for places in by_voice.values():
        clips |= dict(zip(places, say([examples[place] for place in places]), strict=True))
    return [clips[place] for place in range(len(examples))]
