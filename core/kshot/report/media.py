"""One example drawn by its media type; of modalities nothing is known here."""

from __future__ import annotations

import base64
import struct

from kshot.report.markup import Html, element
from kshot.report.spectrogram import Spectrogram, spectrogram
from kshot.results import SampleExample

_TINY = 64
"""Pictures with a shorter side are enlarged without smoothing."""


def draw_example(example: SampleExample, description: str) -> Html:
    """The example as HTML, with ``description`` for those who cannot see it."""
    if example.media == "image/png":
        return _picture(example.content, description)
    if example.media == "audio/wav":
        return _sound(example.content, description)
    return element("blockquote", example.data, dir="auto")


def data_uri(media: str, content: bytes) -> str:
    """``content`` inside the page itself."""
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def _picture(content: bytes, description: str) -> Html:
    size = png_size(content)
    if size is None:
        return element("span", "not a PNG picture", class_="trouble")
    width, height = size
    return element(
        "img",
        src=data_uri("image/png", content),
        alt=description,
        width=width,
        height=height,
        loading="lazy",
        class_="tiny" if min(size) < _TINY else None,
    )


def png_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG file, None where it is none."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _sound(content: bytes, description: str) -> Html:
    try:
        drawn = _spectrogram_figure(spectrogram(content), description)
    except ValueError as error:
        drawn = element("span", f"no spectrogram: {error}", class_="trouble")
    player = element(
        "audio", controls=True, preload="metadata", src=data_uri("audio/wav", content), aria_label=description
    )
    return element("figure", drawn, player, class_="sound")


def _spectrogram_figure(drawn: Spectrogram, description: str) -> Html:
    caption = f"{drawn.seconds:.1f} s, up to {drawn.top / 1000:g} kHz"
    return element(
        "img",
        src=data_uri("image/png", drawn.png),
        alt=f"Spectrogram: {description}, {caption}",
        title=caption,
        loading="lazy",
    )
