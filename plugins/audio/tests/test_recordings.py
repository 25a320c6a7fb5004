"""What encoders refuse, cut and trim of recordings, whatever they make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot_audio.encoders.dvector import DVector
from kshot_audio.encoders.mel_statistics import MelStatistics
from kshot_audio.encoders.xvector import xvector
from kshot_audio.recordings import Listener
from kshot_audio.trimming import trimmed
from kshot_audio.waveform import Waveform

RATE = 16000
ENCODERS = [
    pytest.param(lambda: DVector(width=8, dim=8), id="dvector"),
    pytest.param(MelStatistics, id="mel_statistics"),
    pytest.param(lambda: xvector(width=8, pooled=8, dim=8), id="xvector"),
]


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


@pytest.mark.parametrize("make", ENCODERS)
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Waveform(np.zeros(0, np.float32), RATE), "without samples"),
        (Waveform(np.zeros(RATE, np.float32), RATE), "silent"),
        (Waveform(np.full(RATE, 1e-5, np.float32), RATE), "silent"),
        (Waveform(np.append(np.ones(99, np.float32), np.float32("nan")), RATE), "NaN"),
        (Waveform(np.full(99, np.inf, np.float32), RATE), "NaN or infinite"),
        (Waveform(np.ones((99, 2), np.float32), RATE), "one channel"),
        (np.ones(99, np.float32), "not ndarray"),
    ],
    ids=["empty", "silent", "nearly silent", "nan", "infinite", "stereo", "array"],
)
def test_what_cannot_be_heard_is_refused(make: Callable[[], Any], bad: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        make().prepare([bad])


@pytest.mark.parametrize("make", ENCODERS)
@pytest.mark.parametrize("samples", [1, 10, 399, 401])
def test_the_shortest_recordings_have_an_embedding(make: Callable[[], Any], samples: int) -> None:
    encoder = make().eval()
    click = Waveform(np.linspace(0.1, 0.5, samples, dtype=np.float32), RATE)
    assert encoder(encoder.prepare([click])).isfinite().all()


def test_silence_within_the_part_that_counts_is_refused(recording: Callable[..., Waveform]) -> None:
    late = Waveform(np.concatenate([silence(1.0), recording(1.0).samples]), RATE)
    with pytest.raises(DataError, match=r"first 0\.5 s is silent"):
        DVector(seconds=0.5).prepare([late])
    assert DVector(seconds=0.5, trim=True).prepare([late])["attention_mask"].sum() > 40


def test_what_is_cut_is_told(recording: Callable[..., Waveform]) -> None:
    clips = [recording(0.4), recording(0.6), recording(0.5)]
    assert DVector(seconds=0.5).prepare(clips)["truncated"].tolist() == [False, True, False]
    heard = Listener(RATE, 0.5).hear(clips)
    assert [len(one.samples) for one in heard] == [6400, 8000, 8000]


def test_trimming_takes_silence_from_both_ends_and_out_of_pauses(recording: Callable[..., Waveform]) -> None:
    one, two = recording(0.9).samples, recording(0.6, seed=1).samples
    gaps = [silence(0.6), one, silence(1.2), two, silence(0.3)]
    found = trimmed(Waveform(np.concatenate(gaps), RATE))
    assert found.seconds == pytest.approx(1.5 + 4 * 0.09, abs=0.12)
    assert np.isin(one[1000:-1000], found.samples).all()
    assert np.isin(two[1000:-1000], found.samples).all()


def test_trimming_leaves_short_pauses_and_does_not_depend_on_loudness(
    recording: Callable[..., Waveform],
) -> None:
    speech = np.concatenate([recording(0.6).samples, silence(0.15), recording(0.6, seed=1).samples])
    assert len(trimmed(Waveform(speech, RATE)).samples) == len(speech)
    long = np.concatenate([silence(1.0), speech])
    expected = trimmed(Waveform(long, RATE)).samples
    faint = trimmed(Waveform(long * np.float32(2**-10), RATE)).samples
    np.testing.assert_array_equal(faint, expected * np.float32(2**-10))


@pytest.mark.parametrize("samples", [1, 100, 480, 481, 5000])
def test_what_would_vanish_stays_whole(samples: int) -> None:
    still = Waveform(np.zeros(samples, np.float32), RATE)
    assert len(trimmed(still).samples) == samples
    steady = Waveform(np.full(samples, 0.1, np.float32), RATE)
    assert len(trimmed(steady).samples) == samples


def test_trimmed_or_not_is_the_encoders_option(recording: Callable[..., Waveform]) -> None:
    clip = recording(1.0)
    padded = Waveform(np.concatenate([silence(0.9), clip.samples, silence(0.9)]), RATE)
    plain, trims = MelStatistics(), MelStatistics(trim=True)
    counts = [encoder.prepare([padded])["attention_mask"].sum() for encoder in (plain, trims)]
    assert counts[1] < 0.5 * counts[0]
    reference = plain(plain.prepare([clip]))
    distances = [(encoder(encoder.prepare([padded])) - reference).norm() for encoder in (plain, trims)]
    assert distances[1] < 0.75 * distances[0]
    assert torch.equal(trims.prepare([padded])["input_features"], trims.prepare([padded])["input_features"])
