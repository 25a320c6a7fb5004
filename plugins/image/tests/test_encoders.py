"""Conv-4 as the field has it, at any size; and the baseline of raw pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kshot.interfaces import Encoder
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.pixels import pixels
from PIL import Image
from torch import nn


def pictures(count: int, size: int = 20, mode: str = "L") -> list[Image.Image]:
    noise = np.random.Generator(np.random.Philox(key=7)).integers(
        0, 256, (count, size, size, 3), dtype=np.uint8
    )
    return [Image.fromarray(one).convert(mode) for one in noise]


def test_the_field_s_backbone() -> None:
    """Widths, embedding and parameter count of Snell et al.'s network."""
    encoder = conv4()
    assert encoder.modality == "image"
    assert encoder.dim == 64
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 111_936
    assert conv4(size=84, channels=3).dim == 1600


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15, 16, 28, 31, 84])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_size_and_channel_count(size: int, channels: int) -> None:
    encoder = conv4(width=4, size=size, channels=channels)
    embedded = encoder(encoder.prepare(pictures(3, mode="RGB")))
    assert embedded.shape == (3, encoder.dim)
    assert embedded.isfinite().all()


def test_pooling_before_the_relu_is_pooling_after_it() -> None:
    """The field's order is convolution, norm, ReLU, pool; a maximum commutes with what only rises."""
    encoder = conv4(width=6).double().train()
    layers = [list(block) for block in encoder.blocks]
    assert [type(one).__name__ for one in layers[0]] == ["Conv2d", "BatchNorm2d", "MaxPool2d", "ReLU"]
    plain = nn.Sequential(*(nn.Sequential(*block[:2], block[3], block[2]) for block in layers))
    pixels, found = torch.rand(7, 1, 28, 28, dtype=torch.float64), []
    for network in (encoder.blocks, plain):
        encoder.zero_grad()
        embedded = network(pixels).flatten(1)
        embedded.square().sum().backward()
        found.append([embedded, *(parameter.grad.clone() for parameter in encoder.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_pools_stop_at_one_pixel() -> None:
    assert [conv4(width=2, size=size).dim for size in (1, 8, 16, 28, 32, 105)] == [2, 2, 2, 2, 8, 72]


def test_inputs_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 1, 28, 28\), got \(2, 1, 32, 32\)"):
        conv4(width=2)({"pixel_values": torch.zeros(2, 1, 32, 32)})


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    encoder = conv4(width=4)
    (encoder(encoder.prepare(pictures(8))) * torch.randn(8, encoder.dim)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        if not name.endswith("0.bias"):  # a bias before batch norm has no effect
            assert parameter.grad.abs().sum() > 0, name


def test_parameter_groups() -> None:
    encoder = conv4(width=4)
    groups = encoder.parameter_groups()
    assert set(groups["all"]) == {name for name, _ in encoder.named_parameters()}
    shapes = dict(encoder.named_parameters())
    assert [tuple(shapes[name].shape) for name in groups["last"]] == [(4, 4, 3, 3), (4,), (4,), (4,)]
    assert set(groups["last"]) == set(groups["all"][-4:])


def test_initial_weights_keep_the_scale() -> None:
    """He: the output of a fresh network is neither vanishing nor exploding."""
    torch.manual_seed(0)
    encoder = conv4(size=84).eval()
    out = encoder({"pixel_values": torch.randn(4, 1, 84, 84)})
    assert 0.1 < out.std() < 10
    for name, parameter in encoder.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()


@pytest.mark.parametrize("encoder", [conv4(width=8, size=20), pixels(size=20)], ids=["conv4", "pixels"])
def test_examples_do_not_depend_on_companions(encoder: Encoder) -> None:
    encoder.eval()
    raw = pictures(7)
    inputs = encoder.prepare(raw)
    assert torch.equal(inputs["pixel_values"], encoder.prepare(raw)["pixel_values"])
    together = encoder(inputs)
    apart = torch.cat([encoder(encoder.prepare([one])) for one in raw])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-6)


def test_the_state_is_in_the_state_dict() -> None:
    torch.manual_seed(0)
    first, second = conv4(width=4), conv4(width=4)
    first(first.prepare(pictures(8)))  # running statistics move
    second.load_state_dict(first.state_dict())
    inputs = first.prepare(pictures(3))
    assert torch.equal(first.eval()(inputs), second.eval()(inputs))


def test_pixels_have_nothing_to_train() -> None:
    encoder = pixels(size=5, channels=3)
    assert list(encoder.parameters()) == []
    assert encoder.parameter_groups() == {"all": []}
    inputs = encoder.prepare(pictures(4, mode="RGB"))
    embedded = encoder(inputs)
    assert embedded.shape == (4, encoder.dim) == (4, 75)
    assert torch.equal(embedded.view(4, 3, 5, 5), inputs["pixel_values"])
