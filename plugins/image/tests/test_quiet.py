"""Pillow warns of a picture where kshot reads none, and nowhere else is anything held back."""

from __future__ import annotations

import io
import pickle
import threading
import warnings

import pytest
from kshot_image.pictures import decode, plain
from kshot_image.quiet import quiet
from PIL import Image

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
"""Cut short behind an orientation, of which Pillow warns."""


def cut_short(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), "teal").save(stream, kind, exif=EXIF)
    return stream.getvalue()


def large() -> bytes:
    stream = io.BytesIO()
    Image.new("1", (9500, 9500)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_of_a_picture_that_is_taken_nothing_is_said(kind: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert decode(cut_short(kind)).size == (6, 8)
        with quiet():  # Pillow warns of some as soon as they are opened, which is their owner's to hear
            opened = Image.open(io.BytesIO(cut_short(kind)))
        assert plain(opened).size == (6, 8)
    assert not [str(one.message) for one in said]


def test_of_a_picture_that_is_refused_one_message_says_all() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="9500 x 9500 is more than 64,000,000 pixels"):
            decode(large())
        assert decode(large(), 100_000_000).size == (9500, 9500)
    assert not [str(one.message) for one in said]


def test_elsewhere_and_in_other_threads_warnings_are_what_they_were() -> None:
    decode(cut_short("JPEG"))
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(large())).close()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with quiet():
            warnings.warn("held back", stacklevel=1)
            other = threading.Thread(target=warnings.warn, args=("told",))
            other.start()
            other.join()
        warnings.warn("told after", stacklevel=1)
    assert [str(one.message) for one in said] == ["told", "told after"]


def test_what_was_told_once_is_not_told_again() -> None:
    """As it would be where filters change, and a loop that reads pictures would tell it without end."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            decode(cut_short("JPEG"))
            warnings.warn("once", stacklevel=1)
    assert [str(one.message) for one in said] == ["once"]


def test_filters_may_be_sent_to_other_processes() -> None:
    """As scikit-learn does it; and however often others put theirs before it, there is one of kshot."""
    with warnings.catch_warnings():
        for _ in range(3):
            warnings.filterwarnings("ignore", message="whatever")
            with quiet():
                pass
        sent = pickle.loads(pickle.dumps(warnings.filters))  # noqa: S301 (its own)
        assert sent == warnings.filters
        assert sum(one == sent[0] for one in sent) == 1
