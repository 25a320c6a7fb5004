"""ResNet-12's shape, and DropBlock as a function of the examples' seeds."""

from __future__ import annotations

import pytest
import torch
from kshot.learners.maml import MAML
from kshot.testing import Subject
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


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_rare_squares_take_up_the_rate(rate: float) -> None:
    """Where few overlap, the dropped share is the rate: 1.6 million places."""
    share = float(dropped(torch.arange(1, 201), rate, size=5, side=32).float().mean())
    assert 0.93 * rate < share < 1.01 * rate


def test_rates_are_the_same_in_every_channel_and_at_every_seed() -> None:
    gone = dropped(torch.arange(1, 2001) * 1_000_003, rate=0.1, size=1, side=12).float()
    torch.testing.assert_close(gone.mean((0, 2, 3)), torch.full((8,), 0.1), rtol=0, atol=0.003)
    torch.testing.assert_close(gone.mean((0, 1)), torch.full((12, 12), 0.1), rtol=0, atol=0.012)
    pairs = (gone[:, :, :, 1:] * gone[:, :, :, :-1]).mean()
    assert abs(float(pairs) - 0.01) < 0.0005, "neighbours are independent"


def test_squares_larger_than_the_map_take_whole_channels() -> None:
    gone = dropped(torch.arange(1, 401), rate=0.3, size=5, side=3)
    assert torch.equal(gone.flatten(2).any(2), gone.flatten(2).all(2))
    assert 0.27 < float(gone.float().mean()) < 0.33


def test_a_map_of_which_nothing_stays_is_nought() -> None:
    maps = drop_blocks(torch.ones(2, 1, 2, 2), torch.tensor([1, 0]), 0, 1.0, 2)
    assert torch.equal(maps, torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 2, 2))


def test_mapped_over_tasks_it_is_the_same() -> None:
    maps, seeds = torch.randn(3, 4, 2, 10, 10), torch.arange(12).view(3, 4)
    mapped = torch.func.vmap(lambda m, s: drop_blocks(m, s, 2, 0.1, 5))(maps, seeds)
    flat = drop_blocks(maps.flatten(0, 1), seeds.flatten(), 2, 0.1, 5)
    torch.testing.assert_close(mapped.flatten(0, 1), flat)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_precision_does_not_choose_the_squares(dtype: torch.dtype) -> None:
    """The sum of this map's ones would be infinite in half precision."""
    seeds = torch.arange(1, 3)
    maps = drop_blocks(torch.ones(2, 64, 40, 40, dtype=dtype), seeds, 2, 0.1, 5)
    expected = drop_blocks(torch.ones(2, 64, 40, 40), seeds, 2, 0.1, 5)
    assert maps.dtype == dtype
    torch.testing.assert_close(maps.float(), expected, rtol=0.01, atol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_every_device_drops_the_same() -> None:
    maps, seeds = torch.randn(8, 16, 10, 10), torch.arange(8)
    own = drop_blocks(maps.cuda(), seeds.cuda(), 2, 0.1, 5).cpu()
    torch.testing.assert_close(own, drop_blocks(maps, seeds, 2, 0.1, 5))


def test_an_example_s_squares_do_not_depend_on_its_company() -> None:
    maps, seeds = torch.randn(6, 4, 10, 10), torch.arange(6)
    together = drop_blocks(maps, seeds, 2, 0.2, 5)
    alone = torch.cat([drop_blocks(maps[i : i + 1], seeds[i : i + 1], 2, 0.2, 5) for i in range(6)])
    assert torch.equal(together, alone)


def test_an_inner_loop_over_tasks_drops_what_a_loop_one_by_one_drops() -> None:
    """MAML on dropped maps: mapped over two tasks, and each task alone."""
    raw = [[Image.new("RGB", (30, 20), (40 * c, 255 - 40 * c, 20 * k)) for k in range(8)] for c in range(6)]
    subject = Subject("resnet12", lambda: resnet12(width=2, size=48, drop=0.3), raw)
    encoder = subject.encoder(torch.float64)
    episodes = subject.episodes(2, 2, 1, 2, dtype=torch.float64)
    for number, block in enumerate((*episodes.support, *episodes.query)):
        generator = torch.Generator().manual_seed(number)
        shape = block.labels.shape
        block.inputs["drop_seed"] = torch.randint(1, 2**31, shape, generator=generator)  # type: ignore[index]
    losses = []
    for strategy in ("vmap", "loop"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            learner = MAML(encoder, way=2, inner_steps=2, inner_rate=0.01, strategy=strategy).double().train()
        learner.batch_statistics = "query"
        losses.append(learner.loss(episodes))
    torch.testing.assert_close(*losses, rtol=1e-9, atol=1e-12)
    for block in (*episodes.support, *episodes.query):
        block.inputs["drop_seed"].zero_()
    assert not torch.isclose(learner.loss(episodes), losses[1]), "the squares take part"


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
