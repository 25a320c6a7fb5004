"""Encoders: what padding and companions must not change, and that they learn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kshot.options import OptionsOf
from kshot_audio.encoders.dvector import DVector
from kshot_audio.encoders.mel_statistics import MelStatistics
from kshot_audio.waveform import Waveform
from torch import Tensor
from torch.func import functional_call, grad, vmap

ENCODERS = [
    pytest.param(lambda: DVector(network="tdnn", width=24, dim=16), id="tdnn"),
    pytest.param(lambda: DVector(network="lstm", width=24, dim=16), id="lstm"),
    pytest.param(MelStatistics, id="mel_statistics"),
]
TRAINED = ENCODERS[:2]
LENGTHS = [0.7, 0.31, 0.045, 0.052, 1.2, 0.032]


@pytest.fixture
def waveforms(recording: Callable[..., Waveform]) -> list[Waveform]:
    return [recording(length, seed=seed) for seed, length in enumerate(LENGTHS)]


def padded(inputs: dict[str, Tensor], frames: int, value: float = 0.0) -> dict[str, Tensor]:
    """The same inputs, longer; the new frames hold ``value`` and the mask is zero there."""
    wider = torch.nn.functional.pad(inputs["input_features"], (0, 0, 0, frames), value=value)
    return {
        "input_features": wider,
        "attention_mask": torch.nn.functional.pad(inputs["attention_mask"], (0, frames)),
    }


@pytest.mark.parametrize("make", ENCODERS)
@pytest.mark.parametrize("training", [False, True])
def test_embeddings_do_not_depend_on_padding_or_companions(
    make: Callable[[], DVector], training: bool, waveforms: list[Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make().train(training)
    inputs = encoder.prepare(waveforms)
    together = encoder(inputs)
    assert together.shape == (len(LENGTHS), encoder.dim)
    assert together.dtype == torch.float32
    for frames in (1, 2, 37):
        torch.testing.assert_close(encoder(padded(inputs, frames)), together, atol=1e-5, rtol=0)
    for waveform, embedding in zip(waveforms, together, strict=True):
        alone = encoder(encoder.prepare([waveform]))[0]
        torch.testing.assert_close(alone, embedding, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", ENCODERS)
def test_whatever_stands_in_padded_frames_is_not_seen(
    make: Callable[[], DVector], waveforms: list[Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make()
    inputs = encoder.prepare(waveforms[:1])
    torch.testing.assert_close(encoder(padded(inputs, 9, value=5.0)), encoder(inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", ENCODERS)
def test_every_valid_frame_is_seen(make: Callable[[], DVector], waveforms: list[Waveform]) -> None:
    """The mask hides no frame of the recording, neither the first nor the last."""
    torch.manual_seed(0)
    encoder = make()
    inputs = dict(padded(encoder.prepare(waveforms[1:2]), 5))
    features = inputs["input_features"].clone().requires_grad_()
    encoder({**inputs, "input_features": features})[0].square().mul(
        torch.arange(encoder.dim)
    ).sum().backward()
    seen = features.grad[0].abs().sum(1) > 0
    assert seen.tolist() == inputs["attention_mask"][0].bool().tolist()


@pytest.mark.parametrize("make", TRAINED)
def test_gradients_do_not_depend_on_padding_and_are_finite(
    make: Callable[[], DVector], waveforms: list[Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make()
    flat = Waveform(np.full(16000, 0.5, dtype=np.float32), 16000)  # constant frames, no variance
    inputs = encoder.prepare([*waveforms, flat])
    gradients = []
    for batch in (inputs, padded(inputs, 11)):
        encoder.zero_grad()
        weights = torch.linspace(-1, 1, encoder.dim)
        (encoder(batch) * weights).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert torch.isfinite(one).all()
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    assert any(one.abs().max() > 0 for one in gradients[0])


@pytest.mark.parametrize("network", ["tdnn", "lstm"])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_embeddings_lie_on_a_sphere(network: str, scale: float, waveforms: list[Waveform]) -> None:
    encoder = DVector(network=network, width=16, dim=8, scale=scale)
    lengths = encoder(encoder.prepare(waveforms)).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full_like(lengths, scale))


@pytest.mark.parametrize("make", ENCODERS)
def test_embeddings_do_not_depend_on_loudness(
    make: Callable[[], DVector], recording: Callable[..., Waveform]
) -> None:
    torch.manual_seed(0)
    encoder = make()
    loud = recording(0.5)
    quiet = Waveform(loud.samples * np.float32(0.2), loud.rate)
    embeddings = encoder(encoder.prepare([loud, quiet]))
    assert (embeddings[0] - embeddings[1]).norm() < 0.01 * embeddings[0].norm()


@pytest.mark.parametrize("make", TRAINED)
def test_a_saved_encoder_embeds_alike(make: Callable[[], DVector], waveforms: list[Waveform]) -> None:
    encoder, other = make(), make()
    inputs = encoder.prepare(waveforms)
    other.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(other(inputs), encoder(inputs), atol=0, rtol=0)


@pytest.mark.parametrize("make", TRAINED)
def test_the_last_group_is_the_layer_that_makes_the_embedding(make: Callable[[], DVector]) -> None:
    encoder = make()
    groups = encoder.parameter_groups()
    assert set(groups["all"]) == {name for name, _ in encoder.named_parameters()}
    assert set(groups["last"]) == {"project.weight", "project.bias"}


def test_the_baseline_has_nothing_to_train() -> None:
    encoder = MelStatistics()
    assert not list(encoder.parameters())
    assert not encoder.state_dict()
    assert list(encoder.parameter_groups()["all"]) == []


def test_mel_statistics_equal_a_computation_by_hand(waveforms: list[Waveform]) -> None:
    encoder = MelStatistics(mels=32)
    inputs = encoder.prepare(waveforms)
    embeddings = encoder(inputs).numpy()
    assert encoder.dim == 64
    for features, mask, embedding in zip(
        inputs["input_features"].numpy(), inputs["attention_mask"].numpy(), embeddings, strict=True
    ):
        frames = features[: mask.sum()].astype(np.float64)
        frames = frames - frames.mean()
        means = [sum(frame[band] for frame in frames) / len(frames) for band in range(32)]
        deviations = [
            np.sqrt(sum((frame[band] - means[band]) ** 2 for frame in frames) / len(frames) + 1e-5)
            for band in range(32)
        ]
        np.testing.assert_allclose(embedding, [*means, *deviations], atol=1e-4)


def test_the_convolutional_network_serves_second_order_inner_loops(waveforms: list[Waveform]) -> None:
    """An inner step inside vmap, differentiated through: two tasks at once equal one at a time."""
    torch.manual_seed(0)
    encoder = DVector(width=8, dim=4)
    inputs = encoder.prepare(waveforms[:4])
    tasks = {name: leaf.unflatten(0, (2, 2)) for name, leaf in inputs.items()}
    parameters = {name: value.detach() for name, value in encoder.named_parameters()}
    target = torch.randn(4)

    def loss(weights: dict[str, Tensor], task: dict[str, Tensor]) -> Tensor:
        return (functional_call(encoder, weights, (task,)) - target).square().mean()

    def after_a_step(weights: dict[str, Tensor], task: dict[str, Tensor]) -> Tensor:
        steps = grad(loss)(weights, task)
        return loss({name: value - 0.1 * steps[name] for name, value in weights.items()}, task)

    both = vmap(grad(after_a_step), in_dims=(None, 0))(parameters, tasks)
    for i in range(2):
        alone = grad(after_a_step)(parameters, {name: leaf[i] for name, leaf in tasks.items()})
        for name, value in alone.items():
            torch.testing.assert_close(both[name][i], value, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"network": "cnn"}, "network"),
        ({"dim": 0}, "dim"),
        ({"scale": -1.0}, "scale"),
        ({"rate": 100}, "rate"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], key: str) -> None:
    problems = OptionsOf(DVector).problems(options, "encoders.audio")
    assert len(problems) == 1
    assert f"encoders.audio.{key}" in problems[0]


@pytest.mark.parametrize("network", ["tdnn", "lstm"])
def test_a_few_steps_separate_two_sounds(network: str) -> None:
    """Two classes, told apart by the pitch of a tone in noise, by prototypes of one example each."""
    torch.manual_seed(0)
    generator = np.random.Generator(np.random.Philox(key=1))

    def tone(frequency: float) -> Waveform:
        time = np.arange(4800) / 16000
        samples = 0.1 * np.sin(2 * np.pi * frequency * time) + 0.1 * generator.standard_normal(len(time))
        return Waveform(samples.astype(np.float32), 16000)

    encoder = DVector(network=network, width=16, dim=8)
    inputs = encoder.prepare([tone(f) for f in [500.0, 560.0] * 12])
    labels = torch.tensor([0, 1] * 11)
    optimiser = torch.optim.Adam(encoder.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        embeddings = encoder(inputs)
        loss = torch.nn.functional.cross_entropy(
            -torch.cdist(embeddings[2:], embeddings[:2]).square(), labels
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 < losses[0]
