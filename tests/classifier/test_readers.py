"""What strangers send: read from bytes alone, and refused before it fills the memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from kshot.interfaces import Reader
from kshot_audio.reading import AudioReader
from kshot_image.reading import ImageReader
from kshot_text.reading import TextReader
from PIL import Image

from .things import tone


def picture(size: tuple[int, int] = (8, 6), form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, form)
    return stream.getvalue()


def sound(samples: Any = None, rate: int = 16000, form: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, tone(440)[0] if samples is None else samples, rate, format=form)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        *((ImageReader(), picture(form=form)) for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")),
        *((AudioReader(), sound(form=form)) for form in ("WAV", "FLAC", "OGG", "MP3")),
        (TextReader(), "é ok".encode()),
    ],
)
def test_a_file_is_read_and_what_was_read_is_taken_again(reader: Reader, content: bytes) -> None:
    raw = reader.decode(content, reader.most)
    assert reader.present(reader.read(raw)).data == reader.present(raw).data


def test_pictures_are_refused_by_what_they_unpack_to() -> None:
    reader = ImageReader()
    assert reader.decode(picture((10, 10)), 100).size == (10, 10)
    with pytest.raises(ValueError, match="11 x 10 is more than 100 pixels"):
        reader.decode(picture((11, 10)), 100)
    stream = io.BytesIO()
    Image.new("1", (9000, 9000)).save(stream, "PNG")
    bomb = stream.getvalue()
    assert len(bomb) < 50_000
    with pytest.raises(ValueError, match="9000 x 9000 is more than 64,000,000 pixels"):
        reader.decode(bomb, reader.most)


def test_no_format_is_read_that_starts_another_program() -> None:
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    Image.open(io.BytesIO(postscript)).close()  # Pillow knows it
    with pytest.raises(ValueError, match="not an image in a known format"):
        ImageReader().decode(postscript, 1e9)


def test_sound_is_refused_by_how_long_it_is() -> None:
    reader = AudioReader()
    assert reader.decode(sound(), 0.31).seconds == pytest.approx(0.3)
    with pytest.raises(ValueError, match=r"longer than 0\.2 seconds"):
        reader.decode(sound(), 0.2)


def test_a_small_file_of_hours_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = np.zeros(16000 * 3600, dtype=np.int16)
    packed = sound(hour, form="FLAC")
    assert len(packed) < 2_000_000
    read, frames = soundfile.SoundFile.read, []

    def counted(self: Any, count: int, **how: Any) -> Any:
        frames.append(count)
        return read(self, count, **how)

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    with pytest.raises(ValueError, match="longer than 10 seconds"):
        AudioReader().decode(packed, 10)
    assert sum(frames) < 16000 * 10 + 70_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (sound(rate=44101), "44101 samples per second"),
        (sound(rate=2_000_000), "2000000 samples per second"),
        (sound(np.full((1000, 9), 0.1)), "9 channels"),
        (sound(form="AIFF"), "AIFF is not read here"),
        (b"RIFF", "not a readable audio file"),
        (b"", "the file is empty"),
        (sound(np.zeros(1000)), "silent"),
    ],
)
def test_what_is_wrong_with_a_sound_is_said(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        AudioReader().decode(content, 120)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not a text in UTF-8"),
        (b" \n", "the text is empty"),
        (b"abcdef", "6 characters are more than 5"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TextReader().decode(content, 5)


def test_samples_with_the_channels_last_are_refused_with_the_mend() -> None:
    """soundfile reads them so, and their mean over the first axis would be a recording of a few samples."""
    stream = io.BytesIO(sound(np.stack([tone(440)[0], tone(440)[0] + 0.1], axis=1)))
    samples, rate = soundfile.read(stream, dtype="float32")
    for given in ((samples, rate), (rate, samples), {"array": samples, "sampling_rate": rate}):
        with pytest.raises(ValueError, match=r"would be \d+ channels of 2 samples each; .* samples\.T"):
            AudioReader().read(given)
    read = AudioReader().read((samples.T, rate))
    np.testing.assert_allclose(read.samples, samples.mean(axis=1), atol=1e-6)


def test_tensors_in_half_precision_are_read() -> None:
    pixels = torch.tensor([[0.0, 1.0, 0.5], [0.25, 0.75, 1.0]], dtype=torch.bfloat16)
    np.testing.assert_array_equal(
        np.asarray(ImageReader().read(pixels)), np.asarray(ImageReader().read(pixels.float()))
    )
    samples = torch.tensor(tone(440)[0]).bfloat16()
    read = AudioReader().read((samples, 16000))
    np.testing.assert_array_equal(read.samples, samples.float().numpy())


def test_a_tensor_that_is_no_picture_is_told_as_it_was_given() -> None:
    with pytest.raises(
        ValueError, match=r"tensor of shape \(20, 30, 3\) is no picture: \(\[channels, \]height, width"
    ):
        ImageReader().read(torch.zeros(20, 30, 3))
