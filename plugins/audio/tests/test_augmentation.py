"""What varies recordings in training: by its properties, and against what the sound itself would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from kshot.options import OptionsOf
from kshot_audio.augmentation import BAND_MASKS, CROPPED, GAIN, NOISE, TIME_MASKS, Augmentation, Operation
from kshot_audio.encoders.dvector import DVector
from kshot_audio.features import LogMel
from kshot_audio.loudness import Amplitudes, Energies, LogEnergies, Loudness
from kshot_audio.waveform import Waveform
from torch import Tensor

LENGTHS = [40, 100, 7, 63]
WIDTH = 8
FLOOR = 1e-6


def batch(copies: int = 1, *, bands: bool = True) -> dict[str, Tensor]:
    """Recordings of ``LENGTHS`` positions, every value of them another number."""
    lengths = torch.tensor(LENGTHS * copies)
    mask = (torch.arange(max(LENGTHS)) < lengths[:, None]).long()
    shape = (*mask.shape, WIDTH) if bands else mask.shape
    values = 1 + torch.arange(torch.Size(shape).numel()).reshape(shape) / 1e4
    return {"x": values * mask.reshape(*mask.shape, *[1] * (len(shape) - 2)), "attention_mask": mask}


def vary(
    operations: list[Operation], inputs: dict[str, Tensor], loudness: Loudness | None = None, seed: int = 0
) -> dict[str, Tensor]:
    augmentation = Augmentation(operations, "x", loudness or Energies(torch.ones(WIDTH)))
    return augmentation(inputs, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bands", [True, False])
@pytest.mark.parametrize("operation", ["crop", "specaugment", "noise", "gain"])
def test_shapes_types_and_padding_stay_and_examples_differ(operation: Operation, bands: bool) -> None:
    inputs = batch(bands=bands)
    inputs = {name: leaf[[1, 1, 1]] if name == "x" else leaf[[1, 1, 2]] for name, leaf in inputs.items()}
    inputs["x"] = inputs["x"] * inputs["attention_mask"].reshape(3, -1, *[1] * bands)
    inputs["truncated"] = torch.tensor([True, False, False])
    before = {name: leaf.clone() for name, leaf in inputs.items()}
    loudness = Energies(torch.ones(WIDTH)) if bands else Amplitudes()
    varied = vary([operation], inputs, loudness)
    for name, leaf in inputs.items():
        assert (varied[name].shape, varied[name].dtype) == (leaf.shape, leaf.dtype)
        assert torch.equal(leaf, before[name])
    assert not varied["x"][varied["attention_mask"] == 0].any()
    assert torch.equal(varied["truncated"], inputs["truncated"])
    assert not torch.equal(varied["x"][0], varied["x"][1])  # alike before
    assert torch.equal(vary([operation], inputs, loudness)["x"], varied["x"])
    assert not torch.equal(vary([operation], inputs, loudness, seed=1)["x"], varied["x"])


@pytest.mark.parametrize("bands", [True, False])
def test_a_crop_is_a_stretch_of_the_recording(bands: bool) -> None:
    inputs = batch(200, bands=bands)
    varied = vary(["crop"], inputs)
    counts = inputs["attention_mask"].sum(1)
    kept = varied["attention_mask"].sum(1)
    assert ((kept >= (CROPPED * counts).ceil()) & (kept <= counts)).all()
    firsts = []
    for one, other, count, length in zip(inputs["x"], varied["x"], counts, kept, strict=True):
        first = int((one.reshape(len(one), -1)[:, 0] == other.reshape(len(other), -1)[0, 0]).nonzero()[0])
        assert torch.equal(other[:length], one[first : first + length])
        assert first + length <= count
        firsts.append((first / max(1, int(count - length)), int(length)))
    places = torch.tensor([share for share, _ in firsts])
    assert 0.3 < places.mean() < 0.7
    assert {0.0, 1.0} <= set(places.tolist())
    assert len({length for _, length in firsts}) > 30


def test_a_crop_leaves_what_the_network_needs() -> None:
    inputs = batch(50)
    varied = Augmentation(["crop"], "x", Amplitudes(), least=50)(inputs, torch.Generator().manual_seed(0))
    needed = inputs["attention_mask"].sum(1).clamp_max(50)
    assert (varied["attention_mask"].sum(1) >= needed).all()


def test_specaugment_masks_whole_bands_and_whole_stretches_by_the_mean() -> None:
    inputs = batch(100)
    varied = vary(["specaugment"], inputs)
    assert torch.equal(varied["attention_mask"], inputs["attention_mask"])
    for one, other, mask in zip(inputs["x"], varied["x"], inputs["attention_mask"].bool(), strict=True):
        one, other = one[mask], other[mask]
        hidden = one != other
        torch.testing.assert_close(other[hidden], one.mean().expand(int(hidden.sum())))
        frames, bands = hidden.all(1), hidden.all(0)
        assert torch.equal(hidden, frames[:, None] | bands)
        assert frames.sum() <= TIME_MASKS * (0.2 * len(one) + 1)
        assert bands.sum() <= BAND_MASKS * (0.2 * WIDTH + 1)
        assert _stretches(frames) <= TIME_MASKS
        assert _stretches(bands) <= BAND_MASKS


def _stretches(ones: Tensor) -> int:
    return int((ones.long().diff(prepend=torch.zeros(1, dtype=torch.long)) == 1).sum())


def test_a_stretch_is_up_to_a_fifth_long_and_anywhere() -> None:
    from kshot_audio.augmentation import LONGEST_MASK, _stretch

    values, counts = torch.zeros(2000, 12), torch.full((2000, 1), 10)
    found = _stretch(values, 12, counts, LONGEST_MASK, torch.Generator().manual_seed(0))
    assert found.sum(1).unique().tolist() == [0, 1, 2]
    twos = found[found.sum(1) == 2].int()
    assert twos.argmax(1).unique().tolist() == list(range(9))
    assert torch.equal(twos.diff(dim=1).abs().sum(1) + twos[:, 0], torch.full((len(twos),), 2))


def test_a_logarithm_with_its_floor_is_taken_back() -> None:
    loudness, energies = LogEnergies(torch.ones(WIDTH), 0.5), torch.tensor([[[0.0, 0.25, 3.0]]])
    logarithms = torch.tensor([0.5, 0.75, 3.5]).log().view(1, 1, 3)
    torch.testing.assert_close(loudness.written(energies), logarithms)
    torch.testing.assert_close(loudness.linear(logarithms), energies)
    assert not loudness.linear(torch.full((1, 1, 3), -9.0)).any()  # quieter than the floor is silent


def test_noise_lies_at_the_drawn_distance() -> None:
    """In samples: what was added is uncorrelated, and as far below the recording as drawn."""
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(60, 4000, generator=generator) * torch.logspace(-2, 0, 60)[:, None]
    inputs = {"x": values, "attention_mask": torch.ones(60, 4000, dtype=torch.long)}
    added = vary(["noise"], inputs, Amplitudes())["x"] - values
    below = 10 * (values.square().mean(1) / added.square().mean(1)).log10()
    assert ((below > NOISE[0] - 0.01) & (below < NOISE[1] + 0.01)).all()
    assert below.max() - below.min() > 0.8 * (NOISE[1] - NOISE[0])
    correlation = (added * values).mean(1) / (added.square().mean(1) * values.square().mean(1)).sqrt()
    assert correlation.abs().max() < 0.1


@pytest.mark.parametrize("kind", ["samples", "energies", "logarithms"])
def test_gain_is_one_factor_for_the_recording(kind: str) -> None:
    loudness, per_ten = {
        "samples": (Amplitudes(), 20),
        "energies": (Energies(torch.ones(WIDTH)), 10),
        "logarithms": (LogEnergies(torch.ones(WIDTH), FLOOR), 10),
    }[kind]
    inputs = batch(50, bands=kind != "samples")
    varied = vary(["gain"], inputs, loudness)
    valid = inputs["attention_mask"].bool()
    for one, other, mask in zip(inputs["x"], varied["x"], valid, strict=True):
        ratio = loudness.linear(other[mask]) / loudness.linear(one[mask])
        decibels = per_ten * ratio.log10()
        torch.testing.assert_close(decibels, decibels.flatten()[0].expand_as(decibels), atol=1e-2, rtol=0)
        assert GAIN[0] - 0.01 < float(decibels.flatten()[0]) < GAIN[1] + 0.01


def test_features_of_a_louder_recording_are_those_of_gain(recording: Callable[..., Waveform]) -> None:
    """In log-mel features a change of level is what it is in the sound."""
    log_mel, quiet = LogMel(rate=16000, mels=24, seconds=2.0), recording(1.0)
    loud = Waveform(quiet.samples * np.float32(2), quiet.rate)
    features, expected = (log_mel([one])["input_features"] for one in (quiet, loud))
    found = log_mel.loudness.written(log_mel.loudness.linear(features) * 4)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def test_noise_in_features_is_spread_as_in_the_sound() -> None:
    """White noise added to log-mel features has the spectrum that white noise has in them."""
    log_mel = LogMel(rate=16000, mels=24, seconds=20.0)
    noise = np.random.Generator(np.random.Philox(key=3)).standard_normal(16000 * 20) * 0.1
    heard = log_mel([Waveform(noise.astype(np.float32), 16000)])["input_features"]
    expected = log_mel.loudness.linear(heard).mean((0, 1))
    made = log_mel.loudness.white(heard, torch.Generator().manual_seed(0)).mean((0, 1))
    torch.testing.assert_close(made / made.sum(), expected / expected.sum(), rtol=0.15, atol=0)


def test_operations_follow_one_another_in_the_order_given() -> None:
    inputs = batch()
    one = vary(["crop", "gain"], inputs)
    generator = torch.Generator().manual_seed(0)
    other = inputs
    for name in ("crop", "gain"):
        other = Augmentation([name], "x", Energies(torch.ones(WIDTH)))(other, generator)
    assert torch.equal(one["x"], other["x"])


def test_an_encoder_augments_where_it_is_told_to(recording: Callable[..., Waveform]) -> None:
    plain, varied = DVector(width=8, dim=4), DVector(width=8, dim=4, augment=["crop", "noise"])
    assert not plain.augments
    assert varied.augments
    inputs = plain.prepare([recording(0.5), recording(0.3, seed=1)])
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(plain.augment(inputs, generator)["input_features"], inputs["input_features"])
    assert not torch.equal(varied.augment(inputs, generator)["input_features"], inputs["input_features"])


def test_a_misspelt_operation_is_named() -> None:
    options: dict[str, Any] = {"augment": ["crop", "specagument"]}
    problems = OptionsOf(DVector).problems(options, "encoders.audio")
    assert len(problems) == 1
    assert "specaugment" in problems[0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("operation", ["crop", "specaugment", "noise", "gain"])
def test_all_of_it_happens_on_the_device(operation: Operation) -> None:
    inputs = {name: leaf.cuda() for name, leaf in batch().items()}
    augmentation = Augmentation([operation], "x", Energies(torch.ones(WIDTH)))
    varied = augmentation(inputs, torch.Generator("cuda").manual_seed(0))
    assert all(leaf.device.type == "cuda" for leaf in varied.values())
    assert not torch.equal(varied["x"], inputs["x"])
