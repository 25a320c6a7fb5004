"""Pictures and recordings with a lie in them, made by hand: small files that ask for much."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np


def png(width: int, height: int, *, colour: int = 0, depth: int = 8, rows: int | None = None) -> bytes:
    """A PNG file of any announced size, all black, that holds ``rows`` rows (default: all of them).

    Args:
        width: announced, in pixels.
        height: likewise.
        colour: 0 grey, 2 colour, 4 grey and alpha, 6 colour and alpha.
        depth: bits a channel.
        rows: how many are really there.
    """
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = b"\0" * (1 + (width * channels * depth + 7) // 8)
    packer, packed = zlib.compressobj(9), io.BytesIO()
    for _ in range(height if rows is None else rows):
        packed.write(packer.compress(row))
    packed.write(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", packed.getvalue()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def text_bomb(size: int) -> bytes:
    """A small PNG picture with a compressed text that unpacks to so many bytes."""
    plain = png(8, 8)
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * size, 9))
    profile = _chunk(b"iCCP", b"p\0\0" + zlib.compress(b"a" * size, 9))
    return plain[:33] + text + profile + plain[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(size: tuple[int, int] = (9, 7), mode: str = "RGB", format_: str = "PNG", **options: Any) -> bytes:
    """A sound picture file of any mode and format that Pillow writes."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new(mode, size).save(stream, format_, **options)
    return stream.getvalue()


def wav(
    samples: np.ndarray[Any, Any] | None = None,
    rate: int = 8000,
    *,
    channels: int = 1,
    bits: int = 16,
    announced: int | None = None,
    code: int = 1,
) -> bytes:
    """A WAV file whose header may lie.

    Args:
        samples: numbers, written as they are.
        rate: announced, samples per second.
        channels: announced.
        bits: announced, of a sample.
        announced: bytes of the samples; default: as many as there are.
        code: of the encoding; 1 whole numbers, 3 floating-point.
    """
    if samples is None:
        samples = (8000 * np.sin(np.arange(4000) / 5)).astype("<i2")
    data = samples.tobytes()
    length = len(data) if announced is None else announced
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", code, channels, rate, (rate * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    body = b"fmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", length & 0xFFFFFFFF) + data
    return b"RIFF" + struct.pack("<I", (4 + len(body)) & 0xFFFFFFFF) + b"WAVE" + body


def recording(seconds: float = 0.5, rate: int = 8000, format_: str = "WAV", channels: int = 1) -> bytes:
    """A sound recording of a tone, in a format that libsndfile writes."""
    import soundfile

    tone = 0.3 * np.sin(np.arange(int(seconds * rate)) / 5).astype(np.float32)
    stream = io.BytesIO()
    soundfile.write(stream, np.stack([tone] * channels, 1), rate, format=format_)
    return stream.getvalue()


def long_flac(seconds: int, rate: int = 8000, channels: int = 1) -> bytes:
    """A FLAC file of silence but for its first second: hours take a few kilobytes."""
    import soundfile

    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", rate, channels, format="FLAC") as sound:
        tone = (0.3 * np.sin(np.arange(rate) / 5)).astype(np.float32)
        sound.write(np.stack([tone] * channels, 1))
        quiet = np.zeros((rate, channels), np.float32)
        for _ in range(seconds - 1):
            sound.write(quiet)
    return stream.getvalue()


def lying_flac(frames: int) -> bytes:
    """A short FLAC file whose header announces so many frames (36 bits)."""
    content = bytearray(recording(0.2, format_="FLAC"))
    place = (
        8 + 13
    )  # 4 of the mark, 4 of the block's header, 13 into STREAMINFO: the low 4 bits of a byte, then 32
    content[place] = (content[place] & 0xF0) | (frames >> 32 & 0x0F)
    content[place + 1 : place + 5] = struct.pack(">I", frames & 0xFFFFFFFF)
    return bytes(content)
