"""ResNet-12's shape, and DropBlock as a function of the examples' seeds."""

from __future__ import annotations

import torch
from kshot_image.encoders.dropblock import drop_blocks
from kshot_image.encoders.resnet12 import resnet12
from PIL import Image
from torch import Tensor, nn

RAW = [Image.new("RGB", (30, 20), (20 * k, 255 - 30 * k, 90)) for k in range(4)]


def dropped(seeds: Tensor, rate: float = 0.2, size: int = 3, side: int = 12, layer: int = 2) -> Tensor:
    """True where a map of ones was wiped out."""
    return drop_blocks(torch.ones(len(seeds), 8, side, side), seeds, layer, rate, size) == 0


def test_it_has_the_papers_size() -> None:
    encoder = resnet12()
    assert encoder.dim == 640
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 12_424_320
    convolutions = [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]
    assert [one.out_channels for one in convolutions[::4]] == [64, 160, 320, 640]
    assert len(convolutions) == 16
    with torch.no_grad():
        assert encoder.eval()(encoder.prepare(RAW[:1])).shape == (1, 640)


def test_squares_of_the_asked_size_are_dropped_about_as_often_as_asked() -> None:
    gone = dropped(torch.arange(1, 257))
    assert 0.14 < float(gone.float().mean()) < 0.22, "squares overlap, so a little less than the rate"
    windows = nn.functional.avg_pool2d(gone.float(), 3, stride=1) > 0.999
    covered = nn.functional.max_pool2d(nn.functional.pad(windows.float(), (2, 2, 2, 2)), 3, stride=1) > 0
    assert torch.equal(covered, gone), "every dropped place lies in a dropped 3x3 square"


def test_a_seed_says_which() -> None:
    seeds = torch.tensor([5, 6, 5])
    gone = dropped(seeds)
    assert torch.equal(gone[0], gone[2])
    assert not torch.equal(gone[0], gone[1])
    assert not torch.equal(gone, dropped(seeds, layer=3))
    assert not bool(dropped(torch.zeros(3, dtype=torch.int64)).any())


def test_what_stays_is_scaled() -> None:
    maps = drop_blocks(torch.ones(64, 8, 12, 12), torch.arange(1, 65), 2, 0.2, 3)
    torch.testing.assert_close(maps.mean((1, 2, 3)), torch.ones(64))


def test_squares_are_dropped_in_training_only_and_by_the_generator() -> None:
    encoder = resnet12(width=4, size=48, drop=0.3)
    inputs = encoder.prepare(RAW)
    varied = encoder.augment(inputs, torch.Generator().manual_seed(0))
    assert bool((varied["drop_seed"] > 0).all())
    encoder.eval()
    with torch.no_grad():
        assert torch.equal(encoder(varied), encoder(inputs))
        encoder.train()
        state = torch.get_rng_state()
        one, again, plain = encoder(varied), encoder(varied), encoder(inputs)
    assert torch.equal(one, again)
    assert not torch.equal(one, plain)
    assert torch.equal(torch.get_rng_state(), state)


def test_blocks_in_order_and_the_last_of_them() -> None:
    encoder = resnet12(width=2, size=16)
    assert len(encoder.ordered_blocks()) == 4
    assert all(name.startswith("layers.3.") for name in encoder.parameter_groups()["last"])
