"""x-vectors and ECAPA-TDNN: windows, networks against other implementations, learning."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.errors import KshotError
from kshot.interfaces import Encoder
from kshot.options import OptionsOf
from kshot_audio.encoders.ecapa import ecapa
from kshot_audio.encoders.windows import windows
from kshot_audio.encoders.xvector import XVectorNetwork, xvector
from kshot_audio.waveform import Waveform
from torch import Tensor

needs_speechbrain = pytest.mark.skipif(
    importlib.util.find_spec("speechbrain") is None,
    reason='SpeechBrain is not installed: pip install "kshot-audio[ecapa]"',
)
SMALL: Mapping[str, Any] = {"dim": 12, "width": 16, "mels": 20, "window": 0.5, "windows": 2}
ENCODERS = [
    pytest.param(lambda **more: xvector(pooled=24, **{**SMALL, **more}), id="xvector"),
    pytest.param(lambda **more: ecapa(attention=8, **{**SMALL, **more}), id="ecapa", marks=needs_speechbrain),
]
LENGTHS = [0.7, 0.31, 0.045, 1.9, 0.5]


def places(lengths: list[int], length: int, count: int) -> list[list[list[int]]]:
    """Frames that stand in each recording's windows, by their numbers."""
    frames = torch.arange(max(lengths)).float().expand(len(lengths), -1).unsqueeze(2)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).float().unsqueeze(2)
    return windows(frames, mask, length, count)[..., 0].int().tolist()


def test_windows_reach_from_beginning_to_end() -> None:
    assert places([10], 4, 3) == [[[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]]


def test_one_window_lies_in_the_middle() -> None:
    assert places([10], 4, 1) == [[[3, 4, 5, 6]]]


def test_what_is_shorter_than_a_window_is_repeated() -> None:
    assert places([3, 8], 5, 2)[0] == [[0, 1, 2, 0, 1], [0, 1, 2, 0, 1]]
    assert places([1, 8], 5, 2)[0] == [[0] * 5, [0] * 5]


def test_recordings_that_all_fit_into_a_window_have_one() -> None:
    assert places([5, 3], 5, 4) == [[[0, 1, 2, 3, 4]], [[0, 1, 2, 0, 1]]]


@pytest.mark.parametrize("make", ENCODERS)
def test_embeddings_do_not_depend_on_companions_or_padding(
    make: Callable[..., Encoder], recording: Callable[..., Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make().eval()
    clips = [recording(length, seed=seed) for seed, length in enumerate(LENGTHS)]
    together = encoder(encoder.prepare(clips))
    assert together.shape == (len(LENGTHS), 12)
    alone = torch.cat([encoder(encoder.prepare([one])) for one in clips])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("make", ENCODERS)
def test_a_repeated_recording_has_the_embedding_of_its_window(
    make: Callable[..., Encoder], recording: Callable[..., Waveform]
) -> None:
    """As many windows as one likes: of a recording that fits into one, all are the same."""
    torch.manual_seed(0)
    encoder = make(windows=1).eval()
    other = make(windows=4).eval()
    other.load_state_dict(encoder.state_dict())
    short, long = recording(0.3), recording(1.5, seed=1)
    one, several = (each(each.prepare([short, long])) for each in (encoder, other))
    torch.testing.assert_close(one[0], several[0], atol=1e-5, rtol=1e-5)
    assert (one[1] - several[1]).norm() > 100 * (one[0] - several[0]).norm()


@pytest.mark.parametrize("make", ENCODERS)
def test_level_and_a_channel_that_is_flat_in_bands_do_not_matter(
    make: Callable[..., Encoder], recording: Callable[..., Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make().eval()
    inputs = encoder.prepare([recording(0.6)])
    channel = torch.linspace(-2, 2, 20)
    coloured = {**inputs, "input_features": inputs["input_features"] + channel}
    torch.testing.assert_close(encoder(coloured), encoder(inputs), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("make", ENCODERS)
def test_batch_norms_see_no_padding(make: Callable[..., Encoder], recording: Callable[..., Waveform]) -> None:
    """Running statistics after a training pass are the same, however much the batch is padded."""
    clips = [recording(length, seed=seed) for seed, length in enumerate(LENGTHS)]
    found = []
    for more in (0, 50):
        torch.manual_seed(0)
        encoder = make().train()
        inputs = dict(encoder.prepare(clips))
        inputs["input_features"] = F.pad(inputs["input_features"], (0, 0, 0, more), value=9.0)
        inputs["attention_mask"] = F.pad(inputs["attention_mask"], (0, more))
        encoder(inputs)
        found.append({name: value for name, value in encoder.named_buffers() if "running" in name})
    assert found[0]
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, msg=name)


def test_the_published_network_has_the_published_size() -> None:
    """Snyder et al., table 1, up to the segment layer: contexts, widths, 15 frames in all."""
    network = XVectorNetwork(24, 512, 1500, 512)
    shapes = [tuple(layer[0].weight.shape) for layer in network.frames]
    assert [kernel * old for _, old, kernel in shapes] == [120, 1536, 1536, 512, 512]
    assert [new for new, _, _ in shapes] == [512, 512, 512, 512, 1500]
    assert network.segment.weight.shape == (512, 3000)
    frames = torch.zeros(1, 40, 24, requires_grad=True)
    reached = torch.autograd.grad(
        network.frames.eval()(frames.mT + torch.rand(24, 40))[0, :, 7].sum(), frames
    )
    assert (reached[0][0].abs().sum(1) > 0).nonzero()[:, 0].tolist() == list(range(7, 22))


def test_an_xvector_is_transformers_xvector_head() -> None:
    """Without batch norms, which that head has not: the same layers and pooling, by another hand."""
    from transformers.models.wav2vec2.modeling_wav2vec2 import TDNNLayer, Wav2Vec2Config

    torch.manual_seed(0)
    network = XVectorNetwork(16, 16, 24, 8).double()
    config = Wav2Vec2Config(
        tdnn_dim=(16, 16, 16, 16, 24), tdnn_kernel=(5, 3, 3, 1, 1), tdnn_dilation=(1, 2, 3, 1, 1)
    )
    frames = hidden = torch.randn(2, 30, 16, dtype=torch.float64)
    for number, layer in enumerate(network.frames):
        layer[2] = torch.nn.Identity()
        theirs = TDNNLayer(config, number).double()
        weight = layer[0].weight.permute(0, 2, 1).flatten(1)
        theirs.kernel.load_state_dict({"weight": weight, "bias": layer[0].bias})
        hidden = theirs(hidden)
    pooled = torch.cat([hidden.mean(1), (hidden.var(1, correction=0) + 1e-5).sqrt()], dim=1)
    torch.testing.assert_close(network(frames), network.segment(pooled))


@needs_speechbrain
def test_ecapa_is_speechbrains() -> None:
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    torch.manual_seed(0)
    encoder = ecapa(width=16, dim=12, attention=8, mels=20, window=0.5).eval()
    theirs = ECAPA_TDNN(
        20, lin_neurons=12, channels=[16, 16, 16, 16, 48], attention_channels=8, se_channels=8
    ).eval()
    theirs.load_state_dict(encoder.network.network.state_dict())
    features = torch.randn(3, 50, 20)
    inputs = {"input_features": features, "attention_mask": torch.ones(3, 50, dtype=torch.long)}
    expected = theirs(features - features.mean(1, keepdim=True)).squeeze(1)
    torch.testing.assert_close(encoder(inputs), expected, atol=1e-5, rtol=1e-5)


@needs_speechbrain
def test_ecapas_default_is_the_smaller_published_one() -> None:
    count = sum(parameter.numel() for parameter in ecapa().parameters())
    assert count == pytest.approx(6.2e6, rel=0.02)


def test_without_speechbrain_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "speechbrain.lobes.models.ECAPA_TDNN", None)
    with pytest.raises(KshotError, match=r"ecapa: .*pip install .kshot-audio\[ecapa\]"):
        ecapa()


@pytest.mark.parametrize("make", ENCODERS)
def test_blocks_and_last(make: Callable[..., Encoder]) -> None:
    encoder = make()
    blocks = encoder.ordered_blocks()
    assert len(blocks) >= 6
    last = encoder.parameter_groups()["last"]
    assert all(".segment." in name or ".fc." in name or ".asp_bn." in name for name in last)
    assert last


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"window": 0.05}, "window"),
        ({"windows": 0}, "windows"),
        ({"width": 0}, "width"),
        ({"trim": 3}, "trim"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], key: str) -> None:
    problems = OptionsOf(xvector).problems(options, "encoders.audio")
    assert len(problems) == 1
    assert f"encoders.audio.{key}" in problems[0]


@pytest.mark.parametrize("make", ENCODERS)
def test_a_few_steps_separate_two_sounds(make: Callable[..., Encoder]) -> None:
    torch.manual_seed(0)
    generator = np.random.Generator(np.random.Philox(key=1))

    def warble(rate: float) -> Waveform:
        time = np.arange(int(16000 * generator.uniform(0.3, 0.7))) / 16000
        carrier = generator.standard_normal(len(time)) * (1 + np.sin(2 * np.pi * rate * time))
        return Waveform((0.1 * carrier).astype(np.float32), 16000)

    encoder = make(augment=["crop", "specaugment", "noise", "gain"])
    inputs = encoder.prepare([warble(rate) for rate in [6.0, 14.0] * 12])
    labels = torch.tensor([0, 1] * 11)
    optimiser = torch.optim.Adam(encoder.parameters(), 3e-3)
    draws = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(40):
        embedded: Tensor = encoder(encoder.augment(inputs, draws))
        logits = -torch.cdist(embedded[2:], embedded[:2]).square() / embedded.shape[1]
        loss = F.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
