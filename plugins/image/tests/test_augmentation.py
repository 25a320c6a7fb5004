"""Augmentation by numbers of each picture's own, with torchvision's operations as the oracle."""

from __future__ import annotations

import pytest
import torch
from kshot_image.augmentation import Augmentation, brightened, contrasted, saturated
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.resnet12 import resnet12
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


@pytest.mark.parametrize("side", [1, 2, 3])
def test_tiny_pictures_survive(side: int) -> None:
    varied = Augmentation(["flip", "crop", "jitter"])(pictures(4, side=side), generator())
    assert torch.isfinite(varied).all()


def test_encoders_vary_in_training_only_where_asked() -> None:
    raw = [Image.new("RGB", (20, 20), (40 * k, 90, 200)) for k in range(4)]
    assert not conv4().augments
    varied = conv4(size=12, augment=["jitter"])
    assert varied.augments
    inputs = varied.prepare(raw)
    changed = varied.augment(inputs, generator())
    assert changed["pixel_values"].shape == inputs["pixel_values"].shape
    assert not torch.equal(changed["pixel_values"], inputs["pixel_values"])
    still = resnet12(width=2, size=12, drop=0.0)
    assert not still.augments
