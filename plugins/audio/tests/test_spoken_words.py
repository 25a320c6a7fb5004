"""Spoken words: unseen words in unseen voices, made once, the same afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from kshot.errors import KshotError
from kshot.interfaces import SPLITS
from kshot.words import MOST, words
from kshot_audio.spoken import saying
from kshot_audio.spoken import source as module
from kshot_audio.spoken.clips import keep, kept_in
from kshot_audio.spoken.saying import BLOCK, RATE, line, say
from kshot_audio.spoken.source import SpokenWords
from kshot_audio.voices.speakers import SPEAKERS
from kshot_audio.waveform import decode

PHONEMES = """
import ctypes, sys, espeakng_loader
library = ctypes.CDLL(espeakng_loader.get_library_path())
library.espeak_Initialize(2, 0, espeakng_loader.get_data_path().encode(), 0x8000)
library.espeak_SetVoiceByName(b"en")
library.espeak_TextToPhonemes.restype = ctypes.c_char_p
for word in sys.stdin.read().split():
    text = ctypes.c_char_p(word.encode())
    print(library.espeak_TextToPhonemes(ctypes.byref(text), 1, 0).decode())
"""


@pytest.fixture(scope="module")
def source(espeak: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpokenWords]:
    """A hundred words, its clips kept in a cache of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield SpokenWords(words=100, examples=2, test_examples=4)


def test_voices_are_those_of_their_split(source: SpokenWords) -> None:
    for split in SPLITS:
        assert {source.examples[row].manner for row in source.spans[split]} <= set(SPEAKERS[split])
    held_out = [source.examples[row] for row in source.spans["test"]][:4]
    assert len({one.manner for one in held_out}) == 4


def test_no_two_words_sound_alike(espeak: None) -> None:
    """The engine is one state a process: another one is asked."""

    def phonemes(asked: Sequence[str]) -> list[str]:
        run = [sys.executable, "-c", PHONEMES]
        said = subprocess.run(run, input=" ".join(asked), capture_output=True, encoding="utf-8", check=True)
        return said.stdout.splitlines()

    one, other = phonemes(["night", "knight"])
    assert one == other
    sounds = phonemes(words())
    assert len(set(sounds)) == len(sounds) == MOST


def test_clips_are_short_loud_and_trimmed(source: SpokenWords) -> None:
    clips = [source.fetch(row) for row in source.spans["test"]]
    for clip in clips:
        assert clip.rate == RATE
        assert 0.1 < clip.seconds < 1.5
        assert len(clip.samples) % round(BLOCK * RATE) == 0
        assert 0.01 < float(np.sqrt(np.mean(clip.samples**2))) < 0.2
    assert len({clip.samples.tobytes() for clip in clips}) == len(clips)


def test_longer_words_last_longer(source: SpokenWords) -> None:
    rows = list(source.spans["test"])
    letters = [len(source.examples[row].word) for row in rows]
    assert np.corrcoef(letters, [source.fetch(row).seconds for row in rows])[0, 1] > 0.4


def test_the_second_time_they_come_from_the_cache(
    source: SpokenWords, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source.fetch(source.spans["validation"][3])
    monkeypatch.setattr(module, "say", lambda examples: pytest.fail("it spoke again"))
    again = SpokenWords(words=100, examples=2, test_examples=4)
    np.testing.assert_array_equal(again.fetch(again.spans["validation"][3]).samples, first.samples)


def test_a_damaged_cache_is_made_again(source: SpokenWords) -> None:
    row = source.spans["validation"][0]
    first, path = source.fetch(row), source.path("validation")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    again = SpokenWords(words=100, examples=2, test_examples=4)
    np.testing.assert_array_equal(again.fetch(row).samples, first.samples)


def test_only_the_split_that_is_asked_for_is_spoken(
    espeak: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    source = SpokenWords(words=100, examples=2, test_examples=2)
    source.fetch(source.spans["validation"][0])
    assert source.path("validation").is_file()
    assert not source.path("train").exists()


def test_a_voice_says_the_same_again(source: SpokenWords) -> None:
    examples = [source.examples[row] for row in source.spans["test"]][:3]
    for one, other in zip(say(examples), say(examples), strict=True):
        np.testing.assert_array_equal(one, other)


def test_lines_use_their_whole_range(espeak: None) -> None:
    source = SpokenWords(words=500, examples=8)
    made = [line(source.examples[row]) for row in source.spans["train"]]
    rates, pitches = [one.rate for one in made], [one.pitch for one in made]
    assert (min(rates), max(rates)) == saying.RATES
    assert (min(pitches), max(pitches)) == saying.PITCHES
    assert len({one.noise_seed for one in made}) == len(made)
    assert all(-1 <= gain < 1 for one in made for gain in one.channel)


def test_seen_voices_are_those_of_training(espeak: None) -> None:
    seen, plain = SpokenWords(words=500, test_voices="seen"), SpokenWords(words=500)
    assert {seen.examples[row].manner for row in seen.spans["test"]} == set(SPEAKERS["train"])
    assert seen.catalogue("train").fingerprint == plain.catalogue("train").fingerprint
    assert seen.path("train") == plain.path("train")
    assert seen.path("test") != plain.path("test")


def test_opening_says_nothing(espeak: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "engine", lambda: pytest.fail("spoken"))
    SpokenWords(words=1000)


def test_clips_are_shown_as_wav(source: SpokenWords) -> None:
    clip = source.fetch(source.spans["test"][0])
    shown = decode(source.present(clip).data)
    np.testing.assert_allclose(shown.samples, clip.samples, atol=1e-4)


def test_kept_clips_are_read_back(tmp_path: Path) -> None:
    clips = [np.arange(length, dtype=np.int16) for length in (3, 1, 5)]
    kept = keep(clips, tmp_path / "clips.safetensors")
    for number, clip in enumerate(clips):
        np.testing.assert_array_equal(kept[number], clip)
    assert kept_in(tmp_path / "clips.safetensors", 4) is None
    assert kept_in(tmp_path / "none.safetensors", 3) is None


def test_without_the_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KshotError, match=r'pip install "kshot-audio\[voices\]"'):
        SpokenWords(words=100)
