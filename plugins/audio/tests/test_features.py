"""Log-mel features: an independent computation, and nothing leaks from the padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot_audio.features import FLOOR, HIGHEST, LOWEST, TOGETHER, LogMel
from kshot_audio.waveform import Waveform


def mel(frequency: np.ndarray | float) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(frequency) / 700)


def by_hand(samples: np.ndarray, rate: int, mels: int) -> np.ndarray:
    """(n,) samples → (F, mels), frame by frame and band by band."""
    window, hop = round(0.025 * rate), round(0.010 * rate)
    size = 1 << (window - 1).bit_length()
    left = (size - window) // 2
    hann = np.zeros(size)
    hann[left : left + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    corners = 700 * (10 ** (np.linspace(mel(LOWEST), mel(HIGHEST * rate), mels + 2) / 2595) - 1)
    frequencies = np.arange(size // 2 + 1) * rate / size
    frames = []
    for start in range(0, len(samples) - size + 1, hop):
        power = np.abs(np.fft.rfft(samples[start : start + size].astype(np.float64) * hann)) ** 2
        bands = []
        for low, middle, high in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
            rise, fall = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
            bands.append((np.clip(np.minimum(rise, fall), 0, None) * power).sum())
        frames.append(np.log(np.asarray(bands) + FLOOR))
    return np.asarray(frames)


@pytest.mark.parametrize(("rate", "mels"), [(16000, 40), (16000, 64), (8000, 24)])
def test_features_equal_a_computation_by_hand(
    recording: Callable[..., Waveform], rate: int, mels: int
) -> None:
    waveform = recording(0.25, rate, seed=3)
    features = LogMel(rate=rate, mels=mels, seconds=8)([waveform])
    expected = by_hand(waveform.samples, rate, mels)
    assert features["input_features"].shape == (1, *expected.shape)
    assert features["attention_mask"].tolist() == [[1] * len(expected)]
    np.testing.assert_allclose(features["input_features"][0].numpy(), expected, atol=2e-3)


def test_features_do_not_depend_on_companions(recording: Callable[..., Waveform]) -> None:
    log_mel = LogMel(rate=16000, mels=40, seconds=8)
    lengths = [0.1, 0.9, 0.33, 0.5004]
    waveforms = [recording(length, seed=seed) for seed, length in enumerate(lengths)]
    together = log_mel(waveforms)
    assert together["attention_mask"].dtype == torch.int64
    for i, waveform in enumerate(waveforms):
        alone = log_mel([waveform])["input_features"][0]
        count = int(together["attention_mask"][i].sum())
        assert count == len(alone)
        torch.testing.assert_close(together["input_features"][i, :count], alone, atol=1e-5, rtol=0)
        assert not together["input_features"][i, count:].any()
        assert together["attention_mask"][i].tolist() == [1] * count + [0] * (
            together["attention_mask"].shape[1] - count
        )


def test_many_recordings_are_transformed_in_portions(recording: Callable[..., Waveform]) -> None:
    log_mel = LogMel(rate=16000, mels=20, seconds=8)
    waveforms = [recording(0.05 + 0.001 * (i % 7), seed=i) for i in range(TOGETHER + 3)]
    features = log_mel(waveforms)["input_features"]
    assert len(features) == TOGETHER + 3
    torch.testing.assert_close(features[-1:, :2], log_mel(waveforms[-1:])["input_features"][:, :2])


def test_a_recording_shorter_than_a_frame_has_one() -> None:
    features = LogMel(rate=16000, mels=40, seconds=8)([Waveform(np.full(10, 0.1, dtype=np.float32), 16000)])
    assert features["input_features"].shape == (1, 1, 40)
    assert torch.isfinite(features["input_features"]).all()


def test_only_the_beginning_of_a_long_recording_is_used(recording: Callable[..., Waveform]) -> None:
    waveform = recording(1.0)
    short = Waveform(waveform.samples[:8000], 16000)
    cut = LogMel(rate=16000, mels=40, seconds=0.5)
    torch.testing.assert_close(cut([waveform])["input_features"], cut([short])["input_features"])


def test_other_rates_are_resampled() -> None:
    def tone(rate: int) -> Waveform:
        return Waveform(np.sin(2 * np.pi * 900 * np.arange(rate) / rate).astype(np.float32) * 0.3, rate)

    features = LogMel(rate=16000, mels=40, seconds=8)([tone(8000), tone(16000), tone(44100)])
    loudest = features["input_features"].amax((0, 1)).argmax()
    assert features["attention_mask"].bool().all()
    for one in features["input_features"]:
        assert one.mean(0).argmax() == loudest


def test_more_bands_than_the_spectrum_holds_are_refused() -> None:
    with pytest.raises(KshotError, match=r"mels: 200 bands are too many at 16000 samples per second"):
        LogMel(rate=16000, mels=200, seconds=8)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (np.zeros(100, dtype=np.float32), "not ndarray"),
        (Waveform(np.zeros(0, dtype=np.float32), 16000), "without samples"),
        (Waveform(np.asarray([0.1, np.nan] * 400, dtype=np.float32), 16000), "NaN"),
    ],
)
def test_what_cannot_be_encoded_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        LogMel(rate=16000, mels=40, seconds=8)([raw])
