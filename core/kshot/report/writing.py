"""Text on a picture that matplotlib draws."""

from __future__ import annotations

import re
import textwrap
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

TEXT: Final = "#1c1d1f"
SOFT: Final = "#5d6066"

_FONTS: Final = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Hiragino Sans", "PingFang SC"),
    *("Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Noto Sans Devanagari"),
    *("Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai", "Nirmala UI", "Arial Unicode MS"),
)
"""Fonts of usual systems for scripts that DejaVu Sans lacks."""


_NARROWEST: Final = 0.27
"""Width of the narrowest letters, in parts of the font's size."""


def wrapped(text: str, width: float, lines: int, size: float, weight: str = "normal") -> str:
    """A text in at most so many lines that fit a width; what is cut off leaves three dots.

    Args:
        text: one line.
        width: in inches.
        lines: one at least.
        size: of the font, in points.
        weight: of the font.
    """
    room = 72 * width / size
    columns = max(1, int(room / _NARROWEST))
    while True:
        broken = _Wrapper(columns).wrap(text)
        if len(broken) > lines:
            broken[lines - 1 :] = [f"{broken[lines - 1][: columns - 1]}…"]
        widest = max((_width(line, weight) for line in broken), default=0.0)
        if widest <= room or columns == 1:
            return "\n".join(broken)
        columns = max(1, min(columns - 1, int(columns * room / widest)))


def _width(line: str, weight: str) -> float:
    """Of a line, in parts of the font's size."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    library: Any = text_to_path  # its type stubs are incomplete
    font = FontProperties(family=list(families()), weight=weight, size=1)
    with without_glyphs():
        return library.get_text_width_height_descent(line, font, ismath=False)[0]


class _Wrapper(textwrap.TextWrapper):
    """Breaks names of classes where they have joints: after a slash or an underscore too."""

    wordsep_re = re.compile(r"(\s+|[^\s/_-]*[/_-]+)")


def write(paper: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Write text to the right of and below a point, no dollar sign taken for a formula's."""
    paper.text(
        x, y, text, ha="left", va="top", parse_math=False, **{"color": TEXT, "family": families(), **style}
    )


@contextmanager
def without_glyphs() -> Generator[None]:
    """Let a script that no font here has be drawn as empty boxes, which say so themselves."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@lru_cache
def families() -> tuple[str, ...]:
    """The fonts to write with: matplotlib's own, and for what it lacks those of this machine."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _FONTS if name in there))
