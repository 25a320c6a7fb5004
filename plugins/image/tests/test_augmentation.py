"""Augmentation by numbers of each picture's own, with torchvision's operations as the oracle."""

from __future__ import annotations

import functools

import pytest
import torch
from kshot_image.augmentation import Augmentation, Name, brightened, contrasted, saturated
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.resnet12 import resnet12
from kshot_image.encoders.torchvision_backbone import torchvision_backbone
from PIL import Image
from torch import Tensor


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, channels: int = 3, side: int = 16) -> Tensor:
    return torch.rand(count, channels, side, side, generator=generator(9))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (brightened, "adjust_brightness"),
        (contrasted, "adjust_contrast"),
        (saturated, "adjust_saturation"),
    ],
)
def test_operations_are_torchvisions(own, theirs, channels: int) -> None:  # type: ignore[no-untyped-def]
    import torchvision.transforms.v2.functional as oracle

    operation = getattr(oracle, theirs)
    batch, factors = pictures(5, channels), torch.tensor([0.6, 0.9, 1.0, 1.2, 1.4])
    expected = torch.stack(
        [operation(one, float(factor)) for one, factor in zip(batch, factors, strict=True)]
    )
    torch.testing.assert_close(own(batch, factors.view(-1, 1, 1, 1)), expected, rtol=1e-5, atol=1e-6)


def test_half_of_the_pictures_are_mirrored() -> None:
    batch = pictures(400)
    varied = Augmentation(["flip"])(batch, generator())
    same = (varied == batch).flatten(1).all(1)
    mirrored = (varied == batch.flip(3)).flatten(1).all(1)
    assert bool((same ^ mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


def test_a_crop_is_a_stretch_of_the_reflected_picture() -> None:
    batch = pictures(200, side=16)
    varied = Augmentation(["crop"])(batch, generator())
    padded = torch.nn.functional.pad(batch, (2, 2, 2, 2), mode="reflect")
    places = [
        [(padded[i, :, y : y + 16, x : x + 16] == varied[i]).all() for y in range(5) for x in range(5)]
        for i in range(len(batch))
    ]
    found = torch.tensor([[bool(one) for one in row] for row in places])
    assert bool((found.sum(1) == 1).all())
    assert bool((found.sum(0) > 0).all()), "every shift occurs"


def test_a_crop_shifts_each_side_by_an_eighth_of_its_own() -> None:
    high, low = torch.arange(8.0).view(1, 1, 8, 1), torch.arange(32.0).view(1, 1, 1, 32)
    batch = (high + 100 * low).expand(300, 1, 8, 32)
    varied = Augmentation(["crop"])(batch, generator())
    rows, columns = varied[:, 0, 4, 16] % 100, varied[:, 0, 4, 16] // 100
    assert rows.unique().tolist() == [3, 4, 5]
    assert columns.unique().tolist() == list(range(12, 21))


def test_jitter_draws_a_factor_for_each_of_its_operations() -> None:
    batch, draws = pictures(6), generator()
    first, second, third = (0.6 + 0.8 * torch.rand(6, 1, 1, 1, generator=draws) for _ in range(3))
    expected = saturated(contrasted(brightened(batch, first), second), third)
    torch.testing.assert_close(Augmentation(["jitter"])(batch, generator()), expected)


def test_each_picture_has_numbers_of_its_own_and_a_seed_repeats_them() -> None:
    batch = pictures(1).expand(16, -1, -1, -1)
    augmentation = Augmentation(["flip", "crop", "jitter"])
    one, again, other = (augmentation(batch, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert len({tuple(row.flatten().tolist()) for row in one}) == 16
    assert float(one.min()) >= 0
    assert float(one.max()) <= 1


def test_bytes_stay_bytes() -> None:
    batch = (pictures(8) * 255).to(torch.uint8)
    varied = Augmentation(["flip", "crop", "jitter"])(batch, generator())
    assert varied.dtype == torch.uint8
    assert varied.shape == batch.shape
    assert not torch.equal(varied, batch)
    assert torch.equal(Augmentation([])(batch, generator()), batch)


def test_bytes_are_varied_as_numbers_are() -> None:
    batch = (pictures(16) * 255).to(torch.uint8)
    augmentation = Augmentation(["flip", "crop", "jitter"])
    bytes_, numbers = augmentation(batch, generator()), augmentation(batch.float() / 255, generator())
    torch.testing.assert_close(bytes_.float(), numbers * 255, rtol=0, atol=0.501)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_stays_what_it_was(dtype: torch.dtype) -> None:
    varied = Augmentation(["flip", "crop", "jitter"])(pictures(4).to(dtype), generator())
    assert varied.dtype == dtype


def test_the_global_random_state_has_no_part() -> None:
    state = torch.get_rng_state()
    Augmentation(["flip", "crop", "jitter"])(pictures(4), generator())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("name", ["flip", "crop", "jitter"])
def test_all_of_it_happens_on_the_device(name: Name) -> None:
    batch = pictures(8).cuda()
    varied = Augmentation([name])(batch, torch.Generator("cuda").manual_seed(0))
    assert varied.device == batch.device
    assert not torch.equal(varied, batch)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_tiny_pictures_survive(side: int) -> None:
    varied = Augmentation(["flip", "crop", "jitter"])(pictures(4, side=side), generator())
    assert torch.isfinite(varied).all()


@pytest.mark.parametrize("encoder", ["conv4", "resnet12", "torchvision"])
def test_encoders_vary_in_training_only_where_asked(encoder: str) -> None:
    raw = [Image.new("RGB", (20, 20), (40 * k, 90, 200)) for k in range(4)]
    build = {
        "conv4": functools.partial(conv4, size=12),
        "resnet12": functools.partial(resnet12, width=2, size=12, drop=0.0),
        "torchvision": functools.partial(torchvision_backbone, model="squeezenet1_1", weights=None, size=32),
    }[encoder]
    assert not build().augments
    varied = build(augment=["jitter"])
    assert varied.augments
    inputs = varied.prepare(raw)
    assert all(torch.equal(leaf, build().prepare(raw)[name]) for name, leaf in inputs.items())
    changed = varied.augment(inputs, generator())
    assert changed.keys() == inputs.keys()
    assert changed["pixel_values"].shape == inputs["pixel_values"].shape
    assert not torch.equal(changed["pixel_values"], inputs["pixel_values"])


def test_ink_is_varied_as_the_light_that_it_is_seen_by() -> None:
    """Brighter by a factor is paper that stays white, and ink that fades."""
    encoder = conv4(size=12, augment=["jitter"])
    paper = encoder.prepare([Image.new("L", (20, 20), "black")])
    assert torch.equal(encoder.augment(paper, generator())["pixel_values"], paper["pixel_values"])
