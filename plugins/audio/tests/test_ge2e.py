"""The pretrained speaker encoder against the package that ships its weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from kshot_audio.encoders.ge2e import GE2E, PACKAGED
from kshot_audio.encoders.ge2e_features import raised
from kshot_audio.encoders.ge2e_windows import windows_of
from kshot_audio.waveform import Waveform

from .resemblyzer_oracle import at_level, voice_encoder

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGED.package) is None,
    reason=f"the weights are not installed: {PACKAGED.install}",
)
RATE = 16000
LENGTHS = [0.03, 0.4, 1.5, 1.6, 1.615, 2.4, 2.75, 2.755, 4.3, 5.678]
"""In seconds: shorter and longer than a window, and about where another window begins to count."""


@pytest.fixture(scope="module")
def encoder() -> GE2E:
    return GE2E().eval()


@torch.no_grad()
def embed(encoder: GE2E, *waveforms: Waveform) -> torch.Tensor:
    return encoder(encoder.prepare(waveforms))


@needs_weights
def test_embeddings_are_the_packages(encoder: GE2E, recording: Callable[..., Waveform]) -> None:
    oracle = voice_encoder(PACKAGED.folder())
    loudness = [0.02, 1.0, 0.1]
    clips = [recording(length, seed=seed) for seed, length in enumerate(LENGTHS)]
    clips = [Waveform(one.samples * np.float32(loudness[i % 3]), RATE) for i, one in enumerate(clips)]
    found = embed(encoder, *clips).numpy()
    for one, embedding in zip(clips, found, strict=True):
        expected = oracle.embed_utterance(at_level(one.samples.astype(np.float64)))
        np.testing.assert_allclose(embedding, expected, rtol=1e-4, atol=2e-6)


@needs_weights
def test_windows_lie_where_the_package_has_them() -> None:
    slices = voice_encoder(PACKAGED.folder()).compute_partial_slices
    lengths = [1, 159, 160, *range(19000, 80000, 997), 25600, 37919, 37920, 37921, 31519, 31520, 31521]
    counts = torch.tensor([length // 160 + 2 for length in lengths])
    frames = torch.zeros(len(lengths), int(counts.max()), 1)
    frames[:, :, 0] = torch.arange(frames.shape[1])
    windows, valid = windows_of(frames, counts)
    for length, own, used in zip(lengths, windows[..., 0], valid, strict=True):
        _, expected = slices(length, 1.3, 0.75)
        assert own[used][:, 0].tolist() == [one.start for one in expected], length


@needs_weights
def test_unseen_speakers_are_told_apart(encoder: GE2E, librispeech: Any) -> None:
    """Nearest class means over one example each."""
    catalogue = librispeech.catalogue("test")
    clips = [librispeech.fetch(int(row)) for row in catalogue.rows]
    embedded = torch.cat([embed(encoder, *clips[i : i + 64]) for i in range(0, len(clips), 64)])
    labels = torch.as_tensor(np.asarray(catalogue.labels))
    generator = torch.Generator().manual_seed(0)
    right = [_episode(embedded, labels, 20, generator) for _ in range(300)]
    assert torch.stack(right).mean() == pytest.approx(0.921, abs=0.02)  # so has the package itself


def _episode(embedded: torch.Tensor, labels: torch.Tensor, way: int, generator: torch.Generator) -> Any:
    """Share of right answers: of each class one support example and five queries."""
    chosen = torch.randperm(int(labels.max()) + 1, generator=generator)[:way]
    rows = [(labels == one).nonzero()[:, 0] for one in chosen]
    drawn = torch.stack([own[torch.randperm(len(own), generator=generator)[:6]] for own in rows])
    support, query = embedded[drawn[:, 0]], embedded[drawn[:, 1:]]
    return ((query @ support.T).argmax(2) == torch.arange(way)[:, None]).float().mean()


def test_only_quiet_recordings_are_raised() -> None:
    loud, quiet = torch.full((100,), 0.5), torch.full((100,), 0.001)
    assert torch.equal(raised(loud), loud)
    assert float(20 * raised(quiet).square().mean().sqrt().log10()) == pytest.approx(-30, abs=1e-4)
