"""Networks of transformers, tiny and random, saved and loaded by the shipped path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError, KshotError
from kshot.functional import add_lora
from kshot.interfaces import Encoder
from kshot.testing import ENCODER_CHECKS, Subject
from kshot_audio.encoders.hf_audio import hf_audio, hf_xvector
from kshot_audio.encoders.weight_norm import WeightNorm
from kshot_audio.waveform import Waveform

transformers = pytest.importorskip("transformers", reason='needs pip install "kshot-audio[hf]"')

RATE = 4000
SHAPE: Mapping[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "conv_dim": (6, 6),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 4),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "num_feat_extract_layers": 2,
    "tdnn_dim": (8, 12),
    "tdnn_kernel": (3, 2),
    "tdnn_dilation": (1, 2),
    "xvector_output_dim": 8,
}
LAYER_NORMS = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
NETWORKS = [
    pytest.param("Wav2Vec2Model", {}, id="wav2vec2"),
    pytest.param("Wav2Vec2Model", LAYER_NORMS, id="wav2vec2-layer-norms"),
    pytest.param("HubertModel", {}, id="hubert"),
    pytest.param("WavLMModel", {}, id="wavlm"),
    pytest.param("UniSpeechSatModel", {}, id="unispeech-sat"),
    pytest.param("Data2VecAudioModel", {"conv_pos_kernel_size": 3}, id="data2vec-audio"),
]
HEADS = [
    pytest.param("Wav2Vec2ForXVector", {}, id="wav2vec2-xvector"),
    pytest.param("WavLMForXVector", {"use_weighted_layer_sum": True}, id="wavlm-xvector"),
]
LENGTHS = [0.11, 0.08, 0.11, 0.2, 0.093]


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., tuple[str, Any]]:
    """Saves a network; gives the folder and the network, as transformers itself has it."""

    def save(kind: str, **options: Any) -> tuple[str, Any]:
        transformers.utils.logging.disable_progress_bar()
        model_class = getattr(transformers, kind)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = model_class(model_class.config_class(**{**SHAPE, **options}))
            for parameter in model.parameters():  # biases of zero would lie on a rectifier's kink
                parameter.data += 0.3 * torch.randn(parameter.shape)
        model.save_pretrained(tmp_path)
        transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE).save_pretrained(tmp_path)
        return str(tmp_path), model.eval()

    return save


@pytest.fixture
def clips(recording: Callable[..., Waveform]) -> list[Waveform]:
    return [recording(length, RATE, seed=seed) for seed, length in enumerate(LENGTHS)]


def build(kind: str, folder: str, **options: Any) -> Encoder:
    return (hf_xvector if kind.endswith("XVector") else hf_audio)(model=folder, **options)


@torch.no_grad()
def alone(model: Any, folder: str, clip: Waveform) -> torch.Tensor:
    """What transformers gives for one recording that is not padded."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(clip.samples, sampling_rate=clip.rate, return_tensors="pt")
    output = model(inputs["input_values"])
    return output.embeddings[0] if "embeddings" in output else output.last_hidden_state[0].mean(0)


@pytest.mark.parametrize(("kind", "options"), [*NETWORKS, *HEADS])
def test_embeddings_are_transformers_own(
    kind: str, options: dict[str, Any], saved: Callable[..., Any], clips: list[Waveform]
) -> None:
    """Of recordings of several lengths in one batch, in training mode too: nothing is drawn."""
    folder, model = saved(kind, **options)
    expected = torch.stack([alone(model, folder, clip) for clip in clips])
    encoder = build(kind, folder)
    assert encoder.dim == expected.shape[1]
    for training in (False, True):
        found = encoder.train(training)(encoder.prepare(clips))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "options"), [*NETWORKS, *HEADS])
def test_every_family_keeps_the_contract(
    kind: str, options: dict[str, Any], saved: Callable[..., Any], recording: Callable[..., Waveform]
) -> None:
    folder, _ = saved(kind, **options)
    seconds = np.linspace(0.07, 0.12, 8)
    raw = [[recording(float(s), RATE, seed=label) for s in seconds] for label in range(6)]
    material = Subject(kind, lambda: build(kind, folder), raw)
    for name, check in ENCODER_CHECKS.items():
        if name != "vmap":
            check(material)


def test_the_recordings_rate_is_brought_to_the_networks(
    saved: Callable[..., Any], recording: Callable[..., Waveform]
) -> None:
    folder, _ = saved("Wav2Vec2Model")
    encoder = build("Wav2Vec2Model", folder)
    inputs = encoder.prepare([recording(0.2, 16000)])
    assert inputs["input_values"].shape == (1, round(0.2 * RATE))
    assert inputs["input_values"].mean().abs() < 1e-5  # the extractor's do_normalize
    assert inputs["input_values"].std() == pytest.approx(1, abs=1e-2)


def test_the_extractors_settings_are_the_folders(saved: Callable[..., Any], clips: list[Waveform]) -> None:
    folder, model = saved("Wav2Vec2Model")
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=False).save_pretrained(folder)
    encoder = build("Wav2Vec2Model", folder)
    inputs = encoder.prepare(clips[:1])
    np.testing.assert_array_equal(inputs["input_values"][0].numpy(), clips[0].samples)
    torch.testing.assert_close(encoder(inputs)[0], alone(model, folder, clips[0]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "frames"),
    [("Wav2Vec2Model", 1), ("Wav2Vec2ForXVector", 6), ("SEWModel", 2), ("SEWDModel", 2)],
)
def test_the_shortest_recording_is_taken_and_a_shorter_one_refused(
    kind: str, frames: int, saved: Callable[..., Any], recording: Callable[..., Waveform]
) -> None:
    folder, model = saved(kind)
    encoder = build(kind, folder).eval()
    least = ((frames - 1) * 4 + 3 - 1) * 5 + 10
    long = recording(1.0, RATE)
    shortest = Waveform(long.samples[:least], RATE)
    torch.testing.assert_close(
        encoder(encoder.prepare([shortest]))[0], alone(model, folder, shortest), atol=1e-5, rtol=1e-4
    )
    with pytest.raises(DataError, match=rf"hf-.*: a recording of .* s is too short.*{least / RATE:.3g} s"):
        encoder.prepare([long, Waveform(long.samples[: least - 1], RATE)])


def test_crops_leave_what_the_network_takes(saved: Callable[..., Any], clips: list[Waveform]) -> None:
    folder, _ = saved("Wav2Vec2ForXVector")
    encoder = build("Wav2Vec2ForXVector", folder, augment=["crop", "noise"])
    short = [Waveform(clip.samples[:130], RATE) for clip in clips]
    inputs = encoder.prepare(short)
    varied = encoder.augment(inputs, torch.Generator().manual_seed(0))
    assert varied["attention_mask"].sum(1).min() < 130
    assert encoder(varied).isfinite().all()


def test_what_takes_no_part_does_not_train(saved: Callable[..., Any]) -> None:
    folder, _ = saved("WavLMForXVector")
    encoder = build("WavLMForXVector", folder)
    groups = encoder.parameter_groups()
    names = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert names == set(groups["all"])
    idle = {name for name, _ in encoder.named_parameters()} - names
    assert {name.split(".")[-1] for name in idle if "spec" in name} == {"masked_spec_embed"}
    assert {"model.classifier.weight", "model.objective.weight"} <= idle
    assert len(encoder.ordered_blocks()) == 2


def test_adapters_stand_where_they_are_heard(saved: Callable[..., Any], clips: list[Waveform]) -> None:
    """WavLM's attention and the head's layers read weights without calling the layer."""
    pytest.importorskip("peft")
    folder, _ = saved("WavLMForXVector")
    encoder = add_lora(build("WavLMForXVector", folder), rank=1)
    encoder(encoder.prepare(clips)).square().sum().backward()
    adapters = {name: one for name, one in encoder.named_parameters() if ".lora_B" in name}
    assert adapters
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in adapters.values())


def test_weight_norm_is_torchs_and_can_be_differentiated_twice() -> None:
    torch.manual_seed(0)
    directions = torch.randn(4, 3, 5, dtype=torch.float64, requires_grad=True)
    lengths = torch.rand(1, 1, 5, dtype=torch.float64, requires_grad=True)
    own = WeightNorm(2)
    torch.testing.assert_close(own(lengths, directions), torch._weight_norm(directions, lengths, 2))
    assert torch.autograd.gradgradcheck(own, (lengths, directions))


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "AutoFeatureExtractor"),
        (lambda folder: (folder / "config.json").unlink(), r"config\.json is missing"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"model\.safetensors is missing"),
    ],
    ids=["extractor", "config", "weights"],
)
def test_what_is_missing_is_named(
    break_it: Callable[[Path], None], reason: str, saved: Callable[..., Any]
) -> None:
    folder, _ = saved("Wav2Vec2Model")
    break_it(Path(folder))
    with pytest.raises(KshotError, match=rf"hf-audio: .*{reason}"):
        hf_audio(model=folder)


def test_a_network_without_the_head_is_refused(saved: Callable[..., Any]) -> None:
    folder, _ = saved("Wav2Vec2Model")
    with pytest.raises(KshotError, match=r"hf-xvector: .*another model, .* missing \(such as"):
        hf_xvector(model=folder)
    folder, _ = saved("HubertModel")
    with pytest.raises(KshotError, match="cannot be loaded as AutoModelForAudioXVector"):
        hf_xvector(model=folder)


def test_a_network_over_spectra_is_refused(saved: Callable[..., Any]) -> None:
    folder, _ = saved("Wav2Vec2Model")
    transformers.ASTFeatureExtractor().save_pretrained(folder)
    Path(folder, "config.json").write_text('{"model_type": "audio-spectrogram-transformer"}')
    Path(folder, "processor_config.json").unlink(missing_ok=True)
    try:
        hf_audio(model=folder)
    except KshotError as error:
        assert "hf-audio" in str(error)
        assert "samples" in str(error)
    else:
        pytest.fail("a network over spectra was taken")


def test_settings_are_part_of_the_state(saved: Callable[..., Any]) -> None:
    folder, _ = saved("Wav2Vec2Model")
    state = build("Wav2Vec2Model", folder).state_dict()
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, do_normalize=False).save_pretrained(folder)
    with pytest.raises(ValueError, match="other settings"):
        build("Wav2Vec2Model", folder).load_state_dict(state)
