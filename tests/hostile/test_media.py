"""Pictures, recordings and texts that are not what they say, or say too much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from . import media
from .forms import damaged, forms
from .harness import Victim

PICTURES: dict[str, tuple[bytes, str]] = {
    "60,000 x 60,000": (media.png(60_000, 60_000, rows=2), "more than 64,000,000 pixels"),
    "wide": (media.png(100_000, 3), ""),
    "high": (media.png(1, 100_000), ""),
    "fewer rows than said": (media.png(5000, 5000, rows=3), ""),
    "no pixels": (media.png(0, 5), "known format"),
    "a text that unpacks": (media.text_bomb(50_000_000), "too large"),
    "svg": (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "known format",
    ),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "known format"),
    "gif": (media.picture(mode="P", format_="GIF"), ""),
    "16 bits": (media.picture(mode="I;16"), ""),
    "nothing": (b"", "known format"),
}

RECORDINGS: dict[str, tuple[bytes, str]] = {
    "ten hours": (media.long_flac(36_000), "longer than 600 seconds"),
    "eight channels": (media.long_flac(700, 8000, 8), "longer than 600 seconds"),
    "2 ** 36 samples said": (media.lying_flac(2**36 - 1), "not a readable audio file"),
    "more bytes said": (media.wav(announced=2**32 - 2), ""),
    "no samples": (media.wav(np.zeros(0, "<i2")), "no samples"),
    "not a number": (media.wav(np.array([np.nan, 1], "<f4"), bits=32, code=3), "NaN"),
    "infinite": (media.wav(np.array([np.inf] * 9, "<f4"), bits=32, code=3), "infinite"),
    "beyond full scale": (media.wav(np.array([1e38, -3e38] * 99, "<f4"), bits=32, code=3), ""),
    "no rate": (media.wav(rate=0), "not a readable audio file"),
    "one a second": (media.wav(rate=1), "longer than"),
    "a prime rate": (media.wav(rate=44_101), "convert it to a usual rate"),
    "two thousand million a second": (media.wav(rate=2**31 - 1), "convert it to a usual rate"),
    "1,024 channels": (media.wav(channels=1024), ""),
    "cut off": (media.wav()[:30], "not a readable audio file"),
}


def _put(victim: Victim, content: bytes, suffix: str = ".bin") -> str:
    path = victim.folder / f"given{suffix}"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("deed", ["image", "image_sent"])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures(victim: Victim, name: str, deed: str) -> None:
    content, reason = PICTURES[name]
    ending = victim.ends_well(deed, path=_put(victim, content))
    assert (ending.end == "fine") == (not reason), ending.message
    assert reason in ending.message


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings(victim: Victim, name: str) -> None:
    content, reason = RECORDINGS[name]
    ending = victim.ends_well("audio", path=_put(victim, content))
    assert (ending.end == "fine") == (not reason), ending.message
    assert reason in ending.message
    victim.ends_well("audio_sent", path=_put(victim, content))


@pytest.mark.slow
@pytest.mark.parametrize(("colour", "depth"), [(0, 8), (0, 16), (2, 8), (6, 8)])
def test_the_largest_pictures_that_are_read(victim: Victim, colour: int, depth: int) -> None:
    content = media.png(8000, 8000, colour=colour, depth=depth)
    assert victim.ends_well("image", path=_put(victim, content), seconds=60).end == "fine"


def test_a_larger_picture_is_taken_where_that_is_said(victim: Victim) -> None:
    path = victim.folder / "table.csv"
    _put(victim, media.png(9000, 8000, rows=1), ".png")
    path.write_text("image,label\ngiven.png,a\n")
    refused = victim.ends_well("table", modality="image", path=str(path))
    assert "its option max_pixels" in refused.message
    assert victim.ends_well("table", modality="image", path=str(path), max_pixels=72_000_000).end == "fine"


def test_a_longer_recording_is_taken_where_that_is_said(victim: Victim) -> None:
    path = victim.folder / "table.csv"
    _put(victim, media.long_flac(601), ".flac")
    path.write_text("audio,label\ngiven.flac,a\n")
    refused = victim.ends_well("table", modality="audio", path=str(path))
    assert "its option max_seconds" in refused.message
    assert victim.ends_well("table", modality="audio", path=str(path), max_seconds=700).end == "fine"


@pytest.mark.parametrize(
    "content",
    [
        "x" * 1_500_000,
        "x " * 700_000,
        "\N{PILE OF POO}" * 300_000,
        "\u202e" + "\u05d0" * 9999,
        "a\0b\x1b[2J",
        "e" + "\u0301" * 300_000,
    ],
    ids=["one word", "words", "emoji", "right to left", "control", "marks"],
)
def test_long_and_odd_texts(victim: Victim, content: str) -> None:
    assert victim.ends_well("text", path=_put(victim, content.encode())).end == "fine"


def test_devices_and_pipes_are_no_examples(victim: Victim) -> None:
    for deed in ("image_file", "audio_file", "text_file"):
        ending = victim.ends_well(deed, path="/dev/zero")
        assert "no ordinary file" in ending.message


_SOUND_PICTURES = [
    media.picture(),
    media.picture(mode="RGBA"),
    media.picture(mode="P", format_="GIF"),
    media.picture(format_="JPEG"),
    media.picture(mode="I;16"),
    media.picture(format_="TIFF", compression="tiff_lzw"),
    media.picture(format_="WEBP"),
    media.picture(format_="BMP"),
]
_SOUND_RECORDINGS = [
    media.wav(),
    media.recording(0.2, format_="FLAC"),
    media.recording(0.2, format_="OGG"),
    media.recording(0.2, 16_000, format_="MP3"),
    media.recording(0.2, 8000, "WAV", 2),
    media.wav(np.zeros(99, "<f4") + 0.5, bits=32, code=3),
    media.recording(0.1, format_="AIFF"),
]


@forms(20, 600, content=damaged(_SOUND_PICTURES) | st.binary(max_size=200))
def damaged_pictures(victim: Victim, content: bytes) -> None:
    victim.ends_well("image", path=_put(victim, content))
    victim.ends_well("image_sent", path=_put(victim, content))


@forms(20, 600, content=damaged(_SOUND_RECORDINGS) | st.binary(max_size=200))
def damaged_recordings(victim: Victim, content: bytes) -> None:
    victim.ends_well("audio", path=_put(victim, content))
    victim.ends_well("audio_sent", path=_put(victim, content))


@forms(20, 600, content=st.text(max_size=300).map(lambda one: one.encode()) | st.binary(max_size=200))
def any_texts(victim: Victim, content: bytes) -> None:
    victim.ends_well("text", path=_put(victim, content))


test_damaged_pictures, test_damaged_pictures_at_length = damaged_pictures
test_damaged_recordings, test_damaged_recordings_at_length = damaged_recordings
test_any_texts, test_any_texts_at_length = any_texts
