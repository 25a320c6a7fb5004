"""Recordings in and out of memory."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from kshot_audio.waveform import Waveform, decode, encode_wav, resample


def file(samples: np.ndarray, rate: int = 16000, **options: str) -> bytes:
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **{"format": "WAV", "subtype": "FLOAT", **options})
    return buffer.getvalue()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_wav_file_comes_back_as_it_was(recording: Callable[..., Waveform], rate: int) -> None:
    waveform = recording(0.3, rate)
    decoded = decode(file(waveform.samples, rate))
    assert decoded.rate == rate
    assert decoded.samples.dtype == np.float32
    np.testing.assert_array_equal(decoded.samples, waveform.samples)
    assert decoded.seconds == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "PCM_U8")]
)
def test_other_formats_are_read(recording: Callable[..., Waveform], name: str, subtype: str) -> None:
    waveform = recording(0.5)
    decoded = decode(file(waveform.samples, format=name, subtype=subtype))
    assert decoded.rate == 16000
    overlap = min(len(decoded.samples), len(waveform.samples))
    spectra = [np.abs(np.fft.rfft(one[:overlap])) for one in (decoded.samples, waveform.samples)]
    assert spectra[0].argmax() == spectra[1].argmax()


def test_channels_are_averaged() -> None:
    left, right = np.linspace(-0.5, 0.5, 100, dtype=np.float32), np.full(100, 0.25, dtype=np.float32)
    decoded = decode(file(np.stack([left, right], axis=1)))
    np.testing.assert_allclose(decoded.samples, (left + right) / 2, atol=1e-7)


def test_a_recording_beyond_full_scale_is_scaled_not_clipped() -> None:
    samples = np.asarray([0.5, -2.0, 1.0, 0.25], dtype=np.float32)
    np.testing.assert_allclose(decode(file(samples)).samples, samples / 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is no audio file", "not a readable audio file"),
        (b"RIFF" + bytes(60), "not a readable audio file"),
        (file(np.zeros(0, dtype=np.float32)), "no samples"),
        (file(np.zeros(1000, dtype=np.float32)), "silent"),
        (file(np.asarray([0.1, np.nan], dtype=np.float32)), "NaN"),
        (file(np.asarray([0.1, np.inf], dtype=np.float32)), "NaN or infinite"),
        (file(np.stack([np.full(9, 0.5), np.full(9, -0.5)], axis=1)), "silent"),
        (file(np.zeros(1000), 8000, subtype="ALAW"), "silent"),
        (file(np.full(1000, 0.3, dtype=np.float32)), "silent"),
    ],
    # A float WAV carries the time of writing: as an id its bytes would differ between workers.
    ids=[
        "empty",
        "text",
        "header-only",
        "no-samples",
        "zeros",
        "nan",
        "infinite",
        "cancelling",
        "A-law",
        "offset",
    ],
)
def test_what_cannot_serve_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(content)


def test_a_recording_is_drawn_as_a_wav_file(recording: Callable[..., Waveform]) -> None:
    import soundfile

    waveform = recording(0.2, 8000)
    content = encode_wav(waveform)
    assert content[:4] == b"RIFF"
    assert soundfile.info(io.BytesIO(content)).subtype == "PCM_16"
    again = decode(content)
    assert again.rate == 8000
    np.testing.assert_allclose(again.samples, waveform.samples, atol=1e-4)


@pytest.mark.parametrize(("old", "new"), [(8000, 16000), (44100, 16000), (16000, 8000), (22050, 16000)])
def test_resampling_keeps_length_and_pitch(old: int, new: int) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(old) / old).astype(np.float32) * 0.5
    changed = resample(Waveform(tone, old), new)
    assert changed.rate == new
    assert len(changed.samples) == new  # one second
    middle = changed.samples[new // 10 : -new // 10]
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(new) / new)[new // 10 : -new // 10]
    np.testing.assert_allclose(middle, expected, atol=5e-3)


def test_autocast_does_not_reach_a_recording(recording: Callable[..., Waveform]) -> None:
    waveform = recording(0.1)
    expected = resample(waveform, 8000).samples
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(resample(waveform, 8000).samples, expected)


def test_what_lies_above_half_the_new_rate_is_filtered_out() -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(16000) / 16000).astype(np.float32)
    assert np.abs(resample(Waveform(tone, 16000), 8000).samples[400:-400]).max() < 0.02


def test_a_recording_at_its_own_rate_is_untouched(recording: Callable[..., Waveform]) -> None:
    waveform = recording(0.1)
    assert resample(waveform, 16000) is waveform
