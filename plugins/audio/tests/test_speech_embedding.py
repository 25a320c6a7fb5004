"""The pretrained encoder of spoken words against the package that ships its weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot_audio.encoders.speech_embedding import PACKAGED, WEIGHTS, SpeechEmbedding
from kshot_audio.encoders.speech_features import SILENCE
from kshot_audio.waveform import Waveform

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGED.package) is None,
    reason=f"the weights are not installed: {PACKAGED.install}",
)
RATE = 16000
LENGTHS = [0.03, 0.05, 0.06, 0.4, 0.85, 1.0, 2.57, 5.678]
"""In seconds: of one window and of many, and about where another begins to count."""


@pytest.fixture(scope="module")
def encoder() -> SpeechEmbedding:
    return SpeechEmbedding().eval()


@torch.no_grad()
def embed(encoder: SpeechEmbedding, *waveforms: Waveform) -> torch.Tensor:
    return encoder(encoder.prepare(waveforms))


def oracle() -> Callable[[np.ndarray], np.ndarray]:
    """(n,) samples → the mean of the package's own embeddings, by its two networks under ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    models = PACKAGED.folder() / "resources" / "models"
    spectrum, network = (
        runtime.InferenceSession(str(models / name)) for name in ("melspectrogram.onnx", Path(WEIGHTS).name)
    )

    def embedded(samples: np.ndarray) -> np.ndarray:
        heard = np.pad(samples, (SILENCE, SILENCE))
        heard = np.pad(heard, (0, max(0, 512 + 75 * 160 - len(heard)))).astype(np.float32) * 32767
        frames = spectrum.run(None, {"input": heard[None]})[0].squeeze((0, 1)) / 10 + 2
        windows = np.stack([frames[at : at + 76] for at in range(0, len(frames) - 75, 8)])[..., None]
        mean = network.run(None, {"input_1": windows})[0].reshape(len(windows), 96).mean(0)
        return mean / np.linalg.norm(mean)

    return embedded


@needs_weights
def test_embeddings_are_the_packages(encoder: SpeechEmbedding, recording: Callable[..., Waveform]) -> None:
    loudness = [0.02, 1.0, 0.1]
    clips = [recording(length, seed=seed) for seed, length in enumerate(LENGTHS)]
    clips = [Waveform(one.samples * np.float32(loudness[i % 3]), RATE) for i, one in enumerate(clips)]
    expected = oracle()
    for one, embedding in zip(clips, embed(encoder, *clips).numpy(), strict=True):
        np.testing.assert_allclose(embedding, expected(one.samples), rtol=1e-3, atol=5e-6)


@needs_weights
def test_a_crop_leaves_a_whole_window(recording: Callable[..., Waveform]) -> None:
    encoder = SpeechEmbedding(augment=["crop", "specaugment", "noise", "gain"]).train()
    inputs = encoder.prepare([recording(0.05), recording(1.0, seed=1)])
    varied = encoder.augment(inputs, torch.Generator().manual_seed(0))
    assert not torch.equal(varied["input_features"], inputs["input_features"])
    embedded = encoder(varied)
    assert torch.isfinite(embedded).all()
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))


@needs_weights
def test_second_derivatives_are_right_off_the_kink(recording: Callable[..., Waveform]) -> None:
    """The suite tries them where silence lies on a ReLU's kink, which has none."""
    encoder = SpeechEmbedding().double().eval()
    inputs = encoder.prepare([recording(0.2, seed=seed) for seed in range(2)])
    inputs = {**inputs, "input_features": inputs["input_features"].double()}
    random = torch.Generator().manual_seed(0)
    weights = {name: one.detach() for name, one in encoder.named_parameters()}
    weights = {n: w + 1e-2 * torch.randn(w.shape, generator=random).to(w) for n, w in weights.items()}
    direction = {n: torch.randn(w.shape, generator=random).to(w) for n, w in weights.items()}
    aim = torch.randn(96, generator=random).double()

    def loss(current: dict[str, torch.Tensor]) -> torch.Tensor:
        embedded: torch.Tensor = torch.func.functional_call(encoder, current, (inputs,))
        return (embedded @ aim).square().mean()

    def after(step: torch.Tensor) -> torch.Tensor:
        moved = {n: w + step * direction[n] for n, w in weights.items()}
        inner = torch.func.grad(loss)(moved)
        return loss({n: w - 1e-3 * inner[n] for n, w in moved.items()})

    nothing = torch.tensor(0.0, dtype=torch.float64)
    along = torch.func.grad(after)(nothing)
    difference = (after(nothing + 1e-9) - after(nothing - 1e-9)) / 2e-9
    torch.testing.assert_close(along, difference, rtol=1e-4, atol=1e-6)


@needs_weights
@pytest.mark.slow
def test_words_are_told_apart_whoever_says_them(encoder: SpeechEmbedding, digits_parquet: Path) -> None:
    """Ten digits, five recordings of each by whichever of six speakers: nearest class means."""
    from kshot.options import OptionsOf
    from kshot_audio.tables import audio_table

    split = {"train": [], "validation": [], "test": [str(digit) for digit in range(10)]}
    options = {"path": str(digits_parquet), "label": "digit", "split": split}
    source = audio_table(**OptionsOf(audio_table).resolve(options, "sources.digits").arguments)
    catalogue = source.catalogue("test")
    generator = np.random.default_rng(0)
    labels = np.asarray(catalogue.labels)
    chosen = np.concatenate([generator.permutation(np.flatnonzero(labels == k))[:25] for k in range(10)])
    clips = [source.fetch(int(catalogue.rows[one])) for one in chosen]
    embedded = torch.cat([embed(encoder, *clips[at : at + 50]) for at in range(0, 250, 50)])
    support, query = embedded.unflatten(0, (10, 25)).split([5, 20], dim=1)
    right = ((query @ support.mean(1).T).argmax(2) == torch.arange(10)[:, None]).float().mean()
    assert right > 0.85
