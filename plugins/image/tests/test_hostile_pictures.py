"""Every encoder takes whatever pictures come, upright, or refuses them by name."""

from __future__ import annotations

import functools
import importlib.util
import io
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot_image.encoders.conv4 import conv4
from kshot_image.encoders.efficientnet import efficientnet_lite0
from kshot_image.encoders.hf_image import hf_image
from kshot_image.encoders.pixels import pixels
from kshot_image.encoders.resnet12 import resnet12
from kshot_image.encoders.torchvision_backbone import torchvision_backbone
from PIL import ExifTags, Image
from torch import Tensor

from .tiny import SIDE, folder

ENCODERS: Mapping[str, Callable[[], Encoder]] = {
    "conv4": lambda: conv4(width=2, size=SIDE, channels=3),
    "pixels": lambda: pixels(size=SIDE, channels=3),
    "resnet12": lambda: resnet12(width=2, size=SIDE),
    "efficientnet_lite0": lambda: efficientnet_lite0(size=SIDE),
    "torchvision": lambda: torchvision_backbone(model="squeezenet1_1", weights=None, size=SIDE),
    "hf-image": lambda: hf_image(model=str(folder("vit"))),
}
NEEDS = {"efficientnet_lite0": "efficientnet_lite_pytorch", "hf-image": "transformers"}
BLACKS = {"I;16": 0, "I": 0, "CMYK": (0, 0, 0, 255), "RGBA": (0, 0, 0, 255), "LA": (0, 255)}
TURNED = 6
"""EXIF's number of a picture to be turned clockwise by a quarter."""


@functools.cache
def made(name: str) -> Encoder:
    needed = NEEDS.get(name, "torch")
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"{name} needs {needed}, which is not installed")
    return ENCODERS[name]()


def prepared(name: str, *images: Image.Image) -> Tensor:
    return made(name).prepare(images)["pixel_values"]


@pytest.fixture(params=ENCODERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_black_is_black_in_any_mode(name: str, mode: str) -> None:
    black = Image.new(mode, (50, 40), BLACKS.get(mode, 0))
    assert torch.equal(prepared(name, black), prepared(name, Image.new("RGB", (50, 40))))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (70, 1), (3000, 2000)])
def test_any_size_embeds(name: str, size: tuple[int, int]) -> None:
    noise = np.random.Generator(np.random.Philox(key=1)).integers(0, 256, size, dtype=np.uint8)
    encoder = made(name).eval()
    inputs = encoder.prepare([Image.fromarray(noise)])
    assert inputs["pixel_values"].shape == (1, 3, SIDE, SIDE)
    with torch.no_grad():
        assert encoder(inputs).isfinite().all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_what_was_opened_and_not_turned_is_turned(name: str, kind: str) -> None:
    halves = Image.new("RGB", (SIDE, SIDE), "white")
    halves.paste("black", (0, 0, SIDE // 2, SIDE))
    exif = halves.getexif()
    exif[ExifTags.Base.Orientation] = TURNED
    stream = io.BytesIO()
    halves.save(stream, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {"quality": 100}))
    expected = prepared(name, halves.transpose(Image.Transpose.ROTATE_270))
    found = prepared(name, Image.open(stream))
    torch.testing.assert_close(found.float(), expected.float(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("F", (9, 9), float("nan")), "floating-point pixels have no agreed range"),
        (Image.new("F", (9, 9), 0.5), "floating-point pixels have no agreed range"),
        (Image.new("RGB", (0, 9)), "0 x 9 has no pixels"),
        (np.full((9, 9), np.nan, dtype=np.float32), "is a ndarray, not a PIL image"),
    ],
)
def test_what_is_refused(name: str, image: Image.Image, message: str) -> None:
    with pytest.raises(DataError, match=rf"{name}.*: example 1 of the batch.*{message}"):
        made(name).prepare([Image.new("L", (9, 9)), image])


def test_a_file_cut_short_is_told_when_it_is_looked_at(name: str) -> None:
    noise = np.random.Generator(np.random.Philox(key=2)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    half = Image.open(io.BytesIO(stream.getvalue()[: len(stream.getvalue()) // 2]))
    with pytest.raises(DataError, match=rf"{name}.*: example 0 of the batch: .*truncated"):
        made(name).prepare([half])
