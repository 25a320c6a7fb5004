"""PIL images: decoded from files, drawn for people, stacked into tensors."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from kshot.errors import DataError
from kshot.interfaces import Presentation
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from kshot_image.greys import shallow
from kshot_image.quiet import quiet

MAX_PIXELS = 64_000_000
"""A picture of more is refused: no camera that feeds a few-shot set makes one, a bomb does."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What is read. Pillow knows more, most of it seldom tried, and for some (EPS) it starts other programs."""

SHOWN = 512
"""Longest side of a picture drawn for people, in pixels."""


def decode(data: bytes, most: float = MAX_PIXELS) -> Image.Image:
    """Read a whole image file.

    Args:
        data: the file's bytes, in one of ``FORMATS``. Of an animation the first frame counts.
        most: pixels that it may have.

    Returns:
        Mode L or RGB, upright as EXIF says, transparency laid on white paper.

    Raises:
        ValueError: with a short reason.
    """
    try:
        with quiet(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_bomb(image, most)
            found = plain(image)
            return image.copy() if found is image else found  # free of the file
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"not an image in a known format ({', '.join(FORMATS)})") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {most:,.0f} pixels") from error
    except Exception as error:  # Pillow's decoders raise anything on damaged files, SyntaxError included
        raise ValueError(str(error) or type(error).__name__) from error


def _refuse_bomb(image: Image.Image, most: float) -> None:
    if image.width * image.height > most:
        raise ValueError(
            f"{image.width} x {image.height} is more than {most:,.0f} pixels; make it smaller"
            " (a table of pictures takes larger ones by its option max_pixels)"
        )


def plain(image: Image.Image) -> Image.Image:
    """An image of any mode as 8-bit grey (L) or colour (RGB), upright as EXIF says, transparency laid
    on white.

    Raises:
        ValueError: it has no pixels, or of no agreed range.
    """
    if 0 in image.size:
        raise ValueError(f"{image.width} x {image.height} has no pixels")
    image = _upright(image)
    keyed = "transparency" in image.info  # one of its colours is none, as in PNG and GIF files without alpha
    if image.mode in ("L", "RGB") and not keyed:
        return image
    if image.mode == "1" and not keyed:
        return image.convert("L")
    if image.mode.startswith("I"):
        return shallow(image)  # Pillow's own conversion cuts 16-bit greys off at 255
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; store 8-bit or 16-bit pixels")
    if "A" in image.mode or "a" in image.mode or keyed:
        grey = image.mode in ("1", "L", "LA", "La")
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", layer.size, "white")  # as alpha_composite has it, in half of its memory
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper.convert("L") if grey else paper
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """As its EXIF says, and as it lies where its EXIF cannot be read: the picture itself can be."""
    with quiet():
        image.load()  # what is wrong with the pixels is told, not swallowed below
        try:
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        except Exception:  # Pillow's reader raises of many families on damaged blocks
            return image
        return image if orientation == 1 else ImageOps.exif_transpose(image)


def present(image: Image.Image) -> Presentation:
    """An image as a PNG file, a large one made smaller."""
    longest = max(image.size)
    if longest > SHOWN:  # of a picture that is a line a pixel's breadth stays
        width, height = (max(1, round(side * SHOWN / longest)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return Presentation("image/png", stream.getvalue())


def pixel_values(images: Sequence[Any], size: int, channels: int, who: str) -> Tensor:
    """Images of any size and mode as ink: resized, stacked and turned round.

    Args:
        images: B PIL images.
        size: height and width of the result.
        channels: 1 for grey, 3 for colour.
        who: name of the encoder, for error messages.

    Returns:
        (B, channels, size, size) float32, white 0 and black 1: a convolution's zero padding
        then goes on as white paper.

    Raises:
        DataError: an example that is not a PIL image, or whose mode cannot be shown.
    """
    return pixel_bytes(images, size, channels, who).float().div_(-255).add_(1)


def pixel_bytes(
    images: Sequence[Any],
    size: int,
    channels: int,
    who: str,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> Tensor:
    """Images of any size and mode, resized and stacked.

    Args:
        images: B PIL images. One that is not square is squashed into a square; shrinking
            averages (antialiased).
        size: height and width of the result.
        channels: 1 for grey, 3 for colour.
        who: name of the encoder, for error messages.
        resample: Pillow's filter.

    Returns:
        (B, channels, size, size) uint8, black 0 and white 255.

    Raises:
        DataError: an example that is not a PIL image, or whose mode cannot be shown.
    """

    def squash(image: Image.Image) -> Image.Image:
        return image if image.size == (size, size) else image.resize((size, size), resample)

    return stacked(images, size, channels, who, squash)


def stacked(
    images: Sequence[Any], size: int, channels: int, who: str, fit: Callable[[Image.Image], Image.Image]
) -> Tensor:
    """Images of any size and mode, fitted and stacked.

    Args:
        images: B PIL images.
        size: height and width of the result.
        channels: 1 for grey, 3 for colour.
        who: name of the encoder, for error messages.
        fit: makes an image (L or RGB) one of that size.

    Returns:
        (B, channels, size, size) uint8, black 0 and white 255.

    Raises:
        DataError: an example that is not a PIL image, cannot be decoded or shown, or is refused by
            ``fit``.
    """
    pixels = np.empty((len(images), size, size, channels), dtype=np.uint8)
    for number, image in enumerate(images):
        with named(image, number, who):
            fitted = fit(plain(image).convert("L" if channels == 1 else "RGB"))
        pixels[number] = np.asarray(fitted).reshape(size, size, channels)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


@contextmanager
def named(image: Any, number: int, who: str) -> Iterator[None]:
    """Where an example of a batch is looked at: what is wrong with it is told with its number.

    Raises:
        DataError: it is not a PIL image, or anything was raised.
    """
    if not isinstance(image, Image.Image):
        kind = type(image).__name__
        raise DataError(
            f"{who}: example {number} of the batch is a {kind}, not a PIL image; check the source"
        )
    try:
        yield
    except Exception as error:  # an image opened but not yet read is decoded here: see decode()
        reason = str(error) or type(error).__name__
        raise DataError(f"{who}: example {number} of the batch: {reason}") from error
