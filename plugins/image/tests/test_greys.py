"""Greys of 16 and 32 bits: one rule for all pictures, and one line where it leaves them nearly black."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from kshot_image.pictures import decode, plain
from PIL import Image

RAMP = np.arange(256).reshape(16, 16)
KINDS = {"I;16": "<u2", "I;16B": ">u2", "I": "=i4"}


@pytest.fixture(autouse=True)
def _untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot_image.greys._untold", threading.Lock())


def as_file(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def test_32_bits_are_taken_by_the_bits_that_they_use() -> None:
    for levels in (RAMP, RAMP * 257):
        image = Image.fromarray(levels.astype(np.int32))
        for read in (plain(image), decode(as_file(image, "TIFF"))):
            assert read.mode == "L"
            np.testing.assert_array_equal(np.asarray(read), RAMP)


@pytest.mark.parametrize("value", [-1, 65536, 2**31 - 1])
def test_32_bits_of_no_agreed_range_are_refused(value: int) -> None:
    image = Image.new("I", (3, 2), 7)
    image.putpixel((1, 1), value)
    with pytest.raises(ValueError, match=rf"{value}.* have no agreed range; store 8-bit or 16-bit pixels"):
        plain(image)


@pytest.mark.parametrize("mode", KINDS)
def test_twelve_bits_in_sixteen_are_told_once_and_not_stretched(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By a factor of each picture's own, one half as bright as another would become as bright."""
    for factor in (16, 8):
        levels = (RAMP * factor).astype(KINDS[mode])
        image = Image.frombytes(mode, (16, 16), levels.tobytes())
        np.testing.assert_array_equal(np.asarray(plain(image)), RAMP * factor // 256)
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("a 16-bit grey picture has no value above 4080, and is nearly black")


def test_what_uses_its_bits_and_what_is_black_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    for levels in (RAMP * 0, RAMP * 257):
        decode(as_file(Image.fromarray(levels.astype(np.uint16)), "PNG"))
    assert not caplog.records
