"""The synthesised speakers: disjoint, distinct, reproducible, and in the noise that they promise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot.errors import KshotError
from kshot.options import OptionsOf
from kshot_audio.voices import nuisance, recipe, source
from kshot_audio.voices.nuisance import cut, spoil
from kshot_audio.voices.recipe import lines
from kshot_audio.voices.source import Voices
from kshot_audio.voices.speakers import SPEAKERS, TEST, TRAIN, VALIDATION
from kshot_audio.waveform import decode

SPLITS = ("train", "validation", "test")
NEAR_DUPLICATES = [
    *[("klatt6", "adam"), ("steph2", "steph3"), ("benjamin", "edward2"), ("klatt4", "klatt5")],
    *[
        ("RicishayMax2", "RicishayMax3"),
        ("robosoft2", "robosoft3"),
        ("Gene", "Gene2"),
        ("anika", "anikaRobot"),
    ],
]


def test_speakers_are_disjoint() -> None:
    assert [len(SPEAKERS[split]) for split in SPLITS] == [48, 8, 16]
    assert len({*TRAIN, *VALIDATION, *TEST}) == 72


@pytest.mark.parametrize("pair", NEAR_DUPLICATES)
def test_of_two_variants_that_sound_alike_one_is_left_out(pair: tuple[str, str]) -> None:
    assert len({*pair} & {*TRAIN, *VALIDATION, *TEST}) <= 1


def test_a_recipe_is_a_pure_function_of_speaker_and_seed() -> None:
    made = lines("m1", 20, 0)
    assert lines("m1", 20, 0) == made
    assert lines("m1", 7, 0) == made[:7]
    for other in (lines("m3", 20, 0), lines("m1", 20, 1)):
        assert [line.sentence for line in other] != [line.sentence for line in made]
    assert len({line.sentence for line in made}) == 20
    assert len({line.noise_seed for line in made}) == 20


def test_recipes_use_their_whole_range() -> None:
    made = [line for speaker in TRAIN for line in lines(speaker, 20, 0)]
    for values, (low, high) in (
        ([line.rate for line in made], recipe.RATES),
        ([line.pitch for line in made], recipe.PITCHES),
        ([round(40 * line.place) for line in made], (0, 40)),
        ([round(40 * line.noise) for line in made], (0, 40)),
        ([round(40 * gain) for line in made for gain in line.channel], (-40, 40)),
    ):
        assert (min(values), max(values)) == (low, high)
    assert len({line.sentence for line in made}) > 700


@pytest.fixture
def tone() -> np.ndarray:
    """(16000,) a tone of 500 Hz."""
    return np.sin(2 * np.pi * 500 * np.arange(16000) / 16000).astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_noise_lies_where_the_line_puts_it(tone: np.ndarray, share: float, colour: float) -> None:
    line = replace(
        lines("m1", 1, 0)[0], noise=share, loudness=0.5, noise_colour=colour, channel=(0.0,) * recipe.BANDS
    )
    heard = spoil(tone, 16000, line).astype(np.float64)
    level = 10 * np.log10(np.mean(heard**2))
    assert level == pytest.approx(np.mean(nuisance.LEVELS), abs=0.1)
    speech = (heard @ tone) / (tone @ tone.astype(np.float64)) * tone
    snr = 10 * np.log10(np.mean(speech**2) / np.mean((heard - speech) ** 2))
    assert snr == pytest.approx(nuisance.SNR[0] + share * (nuisance.SNR[1] - nuisance.SNR[0]), abs=0.5)


def test_coloured_noise_falls_with_frequency(tone: np.ndarray) -> None:
    line = replace(lines("m1", 1, 0)[0], noise=0.0, noise_colour=1.0, channel=(0.0,) * recipe.BANDS)
    power = np.abs(np.fft.rfft(spoil(tone, 16000, line))) ** 2  # one bin is 1 Hz
    octaves = [power[low : 2 * low].mean() for low in (700, 1400, 2800)]
    falls = 10 * np.log10(np.asarray(octaves[:-1]) / octaves[1:])
    np.testing.assert_allclose(falls, 6, atol=0.7)


def test_the_channel_has_the_gains_of_the_line() -> None:
    """White noise through a channel: band by band as loud as the points say."""
    white = np.random.Generator(np.random.Philox(key=0)).standard_normal(1 << 17).astype(np.float32)
    channel = (1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0)
    heard = nuisance._through(white, 16000, channel)
    gain = 20 * np.log10(np.abs(np.fft.rfft(heard)) / np.abs(np.fft.rfft(white)))
    points = np.geomspace(nuisance.LOWEST, 8000, len(channel))
    at_points = gain[np.rint(points * len(white) / 16000).astype(int)]
    np.testing.assert_allclose(at_points, nuisance.COLOURING * np.asarray(channel), atol=0.05)


def test_nuisance_depends_on_the_line_alone(tone: np.ndarray) -> None:
    first, second = lines("m1", 2, 0)
    np.testing.assert_array_equal(spoil(tone, 16000, first), spoil(tone, 16000, first))
    assert not np.array_equal(spoil(tone, 16000, first), spoil(tone, 16000, second))


@pytest.mark.parametrize(("length", "place"), [(100, 0.0), (100, 1.0), (900, 0.5), (1000, 0.3)])
def test_a_clip_lies_within_its_sentence(length: int, place: float) -> None:
    sentence = np.arange(1000, dtype=np.float32)
    clip = cut(sentence, length, place)
    assert len(clip) == length
    np.testing.assert_array_equal(np.diff(clip), 1)
    if length == 100:
        assert clip[0] >= 100
        assert clip[-1] < 900


def test_a_sentence_that_is_too_short_is_followed_by_silence() -> None:
    np.testing.assert_array_equal(cut(np.ones(3, dtype=np.float32), 5, 0.7), [1, 1, 1, 0, 0])


def test_resizing_keeps_what_fits_into_the_new_rate() -> None:
    time = np.arange(22050) / 22050
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (1000, 10000))
    kept = nuisance.resize(low + high, 16000)
    np.testing.assert_allclose(kept, np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000), atol=1e-5)


def test_catalogues(voices: Voices) -> None:
    seen: set[int] = set()
    for split, speakers in SPEAKERS.items():
        catalogue = voices.catalogue(split)
        assert voices.catalogue(split) is catalogue
        assert catalogue.classes == tuple(sorted(speakers))
        assert (catalogue.sizes == 4).all()
        seen |= {int(row) for row in catalogue.rows}
    assert seen == set(range(72 * 4))


def test_clips_are_distinct_and_of_the_promised_length_and_level(voices: Voices) -> None:
    clips = [voices.fetch(row) for row in range(72 * 4)]
    assert {(clip.rate, len(clip.samples), clip.samples.dtype) for clip in clips} == {
        (16000, 8000, np.dtype(np.float32))
    }
    stacked = np.stack([clip.samples for clip in clips])
    levels = 10 * np.log10(np.mean(stacked.astype(np.float64) ** 2, axis=1))
    assert levels.min() > nuisance.LEVELS[0] - 0.5
    assert levels.max() < nuisance.LEVELS[1] + 0.5
    assert len({clip.tobytes() for clip in stacked}) == len(stacked)
    unit = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
    correlation = unit @ unit.T - np.eye(len(unit))
    assert np.abs(correlation).max() < 0.7


def test_a_clip_can_be_heard(voices: Voices) -> None:
    raw = voices.fetch(5)
    presentation = voices.present(raw)
    assert presentation.media == "audio/wav"
    np.testing.assert_allclose(decode(presentation.data).samples, raw.samples, atol=1e-4)


def test_clips_are_made_once(voices: Voices, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another source with the same options reads the file that the first one wrote."""
    monkeypatch.setenv("KSHOT_CACHE", str(voices_cache(voices)))
    monkeypatch.setattr(source, "synthesise", lambda *_: pytest.fail("made again"))
    again = Voices(utterances=4, seconds=0.5)
    assert again.path.is_file()
    for row in (0, 100, 287):
        np.testing.assert_array_equal(again.fetch(row).samples, voices.fetch(row).samples)


def voices_cache(voices: Voices) -> Path:
    """The cache folder in which the session's clips lie."""
    return Path(voices._clips.filename).parents[1]  # a memory map knows its file


def test_a_damaged_file_is_made_again(
    voices: Voices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    wanted = np.array(voices._clips)
    monkeypatch.setattr(source, "synthesise", lambda *_: wanted)
    for content in (b"", b"\x93NUMPY\x01\x00", Path(voices._clips.filename).read_bytes()[:5000]):
        again = Voices(utterances=4, seconds=0.5)
        again.path.parent.mkdir(exist_ok=True)
        again.path.write_bytes(content)
        np.testing.assert_array_equal(again.fetch(3).samples, voices.fetch(3).samples)


def test_fingerprints_follow_the_options(espeak: None) -> None:
    fingerprints = {
        Voices(**options).catalogue("test").fingerprint
        for options in ({}, {"utterances": 5}, {"seconds": 1.0}, {"seed": 1})
    }
    assert len(fingerprints) == 4
    assert Voices().catalogue("test").fingerprint in fingerprints


def test_catalogues_need_no_audio(espeak: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    Voices().catalogue("train")
    assert not list(tmp_path.iterdir())


def test_other_options_are_other_clips(
    voices: Voices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    other = Voices(utterances=2, seconds=0.5, seed=1)
    assert not np.array_equal(other.fetch(0).samples, voices.fetch(0).samples)


@pytest.mark.parametrize(
    ("options", "key"),
    [({"utterances": 1}, "utterances"), ({"seconds": 5.0}, "seconds"), ({"seed": -1}, "seed")],
)
def test_options_out_of_range_are_named(options: dict[str, Any], key: str) -> None:
    problems = OptionsOf(Voices).problems(options, "sources.voices")
    assert len(problems) == 1
    assert f"sources.voices.{key}" in problems[0]


def test_without_espeak_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KshotError, match=r'pip install "kshot-audio\[voices\]"'):
        Voices()


@pytest.mark.slow
def test_two_processes_may_make_the_clips_at_once(
    voices: Voices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code = (
        "from kshot_audio.voices.source import Voices\n"
        "source = Voices(utterances=4, seconds=0.5)\n"
        "print(sum(int(abs(source.fetch(row).samples).sum() * 100) for row in range(288)))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    expected = sum(int(abs(voices.fetch(row).samples).sum() * 100) for row in range(288))
    assert [int(one) for one in printed] == [expected, expected]
    assert [path.suffix for path in (tmp_path / "voices").iterdir()] == [".npy"]
