"""The encoder of what is said: order and content heard, channel and level not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kshot_audio.encoders.mel_crnn import MelCRNN, standardised_bands
from kshot_audio.waveform import Waveform


def test_bands_are_standardised_over_valid_frames() -> None:
    torch.manual_seed(0)
    frames = 3 + 2 * torch.randn(2, 30, 5, dtype=torch.float64)
    mask = torch.ones(2, 30, 1, dtype=torch.float64)
    mask[1, 12:] = 0
    found = standardised_bands(frames, mask)
    for row, length in ((0, 30), (1, 12)):
        own = found[row, :length]
        torch.testing.assert_close(own.mean(0), torch.zeros(5, dtype=torch.float64))
        assert float(own.square().mean()) == pytest.approx(1, rel=1e-3)
        assert (found[row, length:] == 0).all()


def test_level_and_channel_do_not_matter(recording: Callable[..., Waveform]) -> None:
    torch.manual_seed(0)
    encoder = MelCRNN().eval()
    plain = recording(0.6)
    quiet = Waveform(0.1 * plain.samples, plain.rate)
    one, other = encoder(encoder.prepare([plain, quiet]))
    assert torch.cosine_similarity(one, other, dim=0) > 0.99
    inputs = encoder.prepare([plain])
    gains = torch.linspace(-2, 2, inputs["input_features"].shape[2])
    torch.testing.assert_close(
        encoder({**inputs, "input_features": inputs["input_features"] + gains}),
        encoder(inputs),
        atol=1e-3,
        rtol=0,
    )


def test_order_is_heard(recording: Callable[..., Waveform]) -> None:
    torch.manual_seed(0)
    encoder = MelCRNN().eval()
    first, second = recording(0.3, seed=1).samples, recording(0.3, seed=2).samples
    there = Waveform(np.concatenate([first, second]), 16000)
    back = Waveform(np.concatenate([second, first]), 16000)
    one, other = encoder(encoder.prepare([there, back]))
    assert torch.cosine_similarity(one, other, dim=0) < 0.999


@pytest.mark.parametrize("frames", range(1, 6))
def test_short_recordings_do_not_depend_on_their_company(
    frames: int, recording: Callable[..., Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = MelCRNN().double().eval()
    short = recording(0.032 + 0.01 * (frames - 1))
    alone = {name: _double(leaf) for name, leaf in encoder.prepare([short]).items()}
    assert int(alone["attention_mask"].sum()) == frames
    company = {name: _double(leaf) for name, leaf in encoder.prepare([short, recording(0.5)]).items()}
    torch.testing.assert_close(encoder(company)[:1], encoder(alone), atol=1e-4, rtol=1e-4)


def _double(leaf: torch.Tensor) -> torch.Tensor:
    return leaf.double() if leaf.is_floating_point() else leaf
