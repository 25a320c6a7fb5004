"""Greys of more than 8 bits → 8 bits, by one rule for all pictures: none is stretched by what it holds."""

from __future__ import annotations

import logging
import threading

import numpy as np
from PIL import Image

log = logging.getLogger("kshot")

TWELVE_BITS = 4095
"""The largest value of the deepest pictures that are often stored in 16 bits without being scaled to them."""

_untold = threading.Lock()
"""Who takes it tells, and keeps it: many threads decode at once."""


def shallow(image: Image.Image) -> Image.Image:
    """A grey picture of integers, of Pillow's modes ``I;16`` (and kin) and ``I``, as 8 bits.

    16 bits are divided by 256, however dark the picture is: a factor of its own would change how bright pictures
    are beside each other. 32 bits have no range of their own: what lies within 8 bits is taken as it is, what
    lies within 16 bits as these.

    Raises:
        ValueError: pixels below 0 or above 65535.
    """
    levels = np.asarray(image)
    least, most = int(levels.min()), int(levels.max())
    if least < 0 or most > 65535:
        raise ValueError(
            f"32-bit pixels from {least} to {most} have no agreed range; store 8-bit or 16-bit pixels"
        )
    if image.mode == "I" and most <= 255:
        return Image.fromarray(levels.astype(np.uint8))
    if 0 < most <= TWELVE_BITS:
        _tell_dark(most)
    return Image.fromarray((levels >> 8).astype(np.uint8))


def _tell_dark(most: int) -> None:
    """Say, once a process, that a picture is probably not of the 16 bits that it is stored in."""
    if _untold.acquire(blocking=False):
        log.warning(
            "a 16-bit grey picture has no value above %d, and is nearly black beside a white of 65535; store "
            "pictures of 10 or 12 bits as 8 bits, or multiply them by 64 or 16 (told once)",
            most,
        )
