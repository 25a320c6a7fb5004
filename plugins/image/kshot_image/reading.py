"""Pictures as people have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from kshot.files import read_bytes
from kshot.interfaces import Presentation, Reader
from PIL import Image

from kshot_image.pictures import MAX_PIXELS, decode, plain, present
from kshot_image.table import SUFFIXES


@final
class ImageReader(Reader):
    """A path (``str`` or ``Path``), a file's bytes, a PIL image, an array or a tensor.

    An array is (height, width) or (height, width, channels), a tensor (height, width) or (channels,
    height, width), of 1, 3 or 4 channels; integers go from 0 to 255, floating-point numbers from 0 to 1.
    A mapping with ``bytes`` or ``path``, as the Hugging Face hub has it, is taken too.
    """

    suffixes = SUFFIXES
    unit = "pixels"
    most = MAX_PIXELS

    def read(self, given: Any) -> Image.Image:
        """One of these → a PIL image, grey or colour, upright."""
        if isinstance(given, Image.Image):
            return plain(given)
        if isinstance(given, Mapping):
            held = cast("Mapping[str, Any]", given)
            given = held.get("bytes") or held.get("path")
        if isinstance(given, str | Path):
            given = read_bytes(Path(given))
        if isinstance(given, bytes | bytearray):
            return decode(bytes(given))
        if isinstance(given, torch.Tensor):
            return _picture(_channels_last(given).numpy())
        if isinstance(given, np.ndarray):
            return _picture(given)
        raise ValueError(f"a {type(given).__name__} is no picture; give a path, an image or an array")

    def decode(self, content: bytes, most: float) -> Image.Image:
        """A file's bytes, in a format that Pillow decodes by itself → a PIL image."""
        return decode(content, most)

    def present(self, raw: Image.Image) -> Presentation:
        """The picture as a PNG file."""
        return present(raw)


def _channels_last(given: torch.Tensor) -> torch.Tensor:
    """(H, W) or (C, H, W) numbers → (H, W) or (H, W, C), of a kind that numpy has."""
    if not (given.ndim == 2 or (given.ndim == 3 and given.shape[0] in (1, 3, 4))):
        raise ValueError(f"a tensor of shape {tuple(given.shape)} is no picture: ([channels, ]height, width)")
    tensor = given.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.permute(1, 2, 0) if tensor.ndim == 3 else tensor


def _picture(pixels: np.ndarray[Any, Any]) -> Image.Image:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) numbers → an image."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise ValueError(f"an array of shape {pixels.shape} is no picture: (height, width[, channels])")
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all() or pixels.min(initial=0) < 0 or pixels.max(initial=0) > 1:
            raise ValueError("floating-point pixels must lie between 0 and 1")
        pixels = (pixels * 255).round().astype(np.uint8)
    elif pixels.min(initial=0) < 0 or pixels.max(initial=0) > 255:
        raise ValueError("integer pixels must lie between 0 and 255")
    return plain(Image.fromarray(pixels.astype(np.uint8)))
