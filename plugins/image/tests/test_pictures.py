"""Image files of all kinds into grey or colour, and images into tensors."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot_image.pictures import decode, pixel_values, plain, present
from PIL import Image

COLOURS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3) * 2


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_come_back_as_they_were(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode(encoded(Image.fromarray(COLOURS), kind, **options))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), COLOURS)


def test_lossy_formats_come_near() -> None:
    for kind in ("JPEG", "GIF"):
        image = decode(encoded(Image.new("RGB", (9, 9), (200, 40, 90)), kind))
        assert image.mode == "RGB"
        assert np.abs(np.asarray(image, dtype=int) - (200, 40, 90)).max() < 8


def test_bilevel_and_grey_become_grey() -> None:
    bits = np.eye(6, dtype=bool)
    image = decode(encoded(Image.fromarray(bits)))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), bits * 255)
    assert decode(encoded(Image.new("L", (3, 3), 77))).getpixel((0, 0)) == 77


def test_sixteen_bit_grey_is_scaled_not_cut() -> None:
    deep = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    image = decode(encoded(Image.fromarray(deep)))
    np.testing.assert_array_equal(np.asarray(image), [[0, 0, 1, 128, 255]])


def test_transparency_is_white_paper() -> None:
    """The hidden colour below a transparent pixel must not show."""
    clear = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    image = decode(encoded(clear))
    assert image.mode == "RGB"
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (10, 20, 30)]
    grey = decode(encoded(Image.new("LA", (1, 1), (0, 0))))
    assert (grey.mode, grey.getpixel((0, 0))) == ("L", 255)


def test_palettes_with_and_without_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([9, 8, 7, 100, 150, 200])
    image.putpixel((1, 0), 1)
    assert np.asarray(decode(encoded(image))).tolist() == [[[9, 8, 7], [100, 150, 200]]]
    seen = decode(encoded(image, transparency=0))
    assert np.asarray(seen).tolist() == [[[255, 255, 255], [100, 150, 200]]]


@pytest.mark.parametrize(
    ("mode", "key", "seen"), [("1", 0, 1), ("L", 0, 200), ("RGB", (0, 0, 0), (10, 20, 30))]
)
def test_a_colour_that_is_transparent_is_white_paper(mode: str, key: Any, seen: Any) -> None:
    """PNG files without alpha may name one, and are common: many programs make files smaller so."""
    image = Image.new(mode, (2, 1), key)
    image.putpixel((1, 0), seen)
    found = decode(encoded(image, transparency=key))
    assert found.mode == ("RGB" if mode == "RGB" else "L")
    plainly = image.convert(found.mode).getpixel((1, 0))
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255) if mode == "RGB" else 255, plainly]


def test_cmyk_becomes_colour() -> None:
    assert decode(encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")).mode == "RGB"


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="floating-point"):
        decode(encoded(Image.new("F", (2, 2)), "TIFF"))


def test_exif_orientation_is_honoured() -> None:
    sideways = Image.fromarray(COLOURS)
    exif = sideways.getexif()
    exif[274] = 6  # to be turned clockwise by a quarter
    image = decode(encoded(sideways, exif=exif))
    assert image.size == (5, 7)
    np.testing.assert_array_equal(np.asarray(image), np.rot90(COLOURS, -1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_with_damaged_exif_is_still_a_picture(kind: str) -> None:
    image = decode(encoded(Image.fromarray(COLOURS), kind, exif=b"Exif\0\0no such thing"))
    assert (image.mode, image.size) == ("RGB", (7, 5))


def test_a_picture_is_turned_upright_once() -> None:
    sideways = Image.fromarray(COLOURS)
    sideways.getexif()[274] = 6
    once = plain(sideways)
    assert once.size == plain(once).size == (5, 7)


@pytest.mark.parametrize("data", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an image|truncated|broken|cannot"):
        decode(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    noise = np.random.Generator(np.random.Philox(key=0)).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ValueError, match=r"\w"):
        decode(data[: len(data) // 2])


def test_a_damaged_file_is_refused() -> None:
    data = bytearray(encoded(Image.fromarray(COLOURS)))
    middle = data.index(b"IDAT") + 8
    data[middle : middle + 4] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match=r"\w"):
        decode(bytes(data))


@pytest.mark.parametrize("side", [8_500, 12_000, 60_000])
def test_bombs_are_refused_unopened(side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    with pytest.raises(ValueError, match="more than 64,000,000 pixels"):
        decode(data)


def test_present_keeps_every_pixel_of_a_small_picture() -> None:
    shown = present(Image.fromarray(COLOURS))
    assert shown.media == "image/png"
    np.testing.assert_array_equal(np.asarray(decode(shown.data)), COLOURS)


def test_a_large_picture_is_presented_smaller() -> None:
    assert decode(present(Image.new("RGB", (3000, 1500))).data).size == (512, 256)


def test_pixel_values_are_white_0_and_black_1() -> None:
    levels = Image.fromarray(np.array([[0, 255], [51, 102]], dtype=np.uint8))
    values = pixel_values([levels, levels.convert("RGB")], 2, 1, "test")
    assert values.dtype == torch.float32
    assert values.shape == (2, 1, 2, 2)
    assert values.is_contiguous()
    torch.testing.assert_close(values[0, 0], torch.tensor([[1.0, 0.0], [0.8, 0.6]]))
    torch.testing.assert_close(values[1], values[0])


def test_colours_keep_their_channels() -> None:
    values = pixel_values([Image.new("RGB", (4, 4), (255, 0, 51)), Image.new("L", (4, 4), 255)], 4, 3, "test")
    torch.testing.assert_close(values[0, :, 0, 0], torch.tensor([0.0, 1.0, 0.8]))
    assert not values[1].any()


def test_shrinking_averages() -> None:
    """Without antialiasing a chequerboard would come out black or white."""
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    values = pixel_values([Image.fromarray(board)], 8, 1, "test")
    assert (values - 0.5).abs().max() < 0.05


def test_an_example_does_not_depend_on_its_companions() -> None:
    images = [Image.fromarray(np.full((n, n + 3), 20 * n, dtype=np.uint8)) for n in range(1, 9)]
    together = pixel_values(images, 6, 1, "test")
    apart = torch.cat([pixel_values([image], 6, 1, "test") for image in images])
    assert torch.equal(together, apart)


def test_other_modes_are_converted_on_the_way() -> None:
    clear = Image.new("RGBA", (3, 3), (0, 0, 0, 0))
    assert not pixel_values([clear, clear.convert("LA")], 3, 1, "test").any()
    assert plain(Image.new("HSV", (2, 2))).mode == "RGB"


def test_what_cannot_be_prepared_names_example_and_encoder() -> None:
    good = Image.new("L", (2, 2))
    with pytest.raises(DataError, match=r"test: example 1 of the batch is a str, not a PIL image"):
        pixel_values([good, "picture.png"], 2, 1, "test")
    with pytest.raises(DataError, match=r"test: example 1 of the batch: floating-point"):
        pixel_values([good, Image.new("F", (2, 2))], 2, 1, "test")
