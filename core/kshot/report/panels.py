"""How an example of each media type is drawn on a contact sheet."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from kshot.interfaces import Presentation
from kshot.report.spectrogram import spectrogram
from kshot.report.writing import SOFT, wrapped, write
from kshot.results.text import printable

LINE: Final = "#deded7"
SUNK: Final = "#f6f6f3"

_PIXELS: Final = 512
"""Pictures with a longer side are thinned out before they are drawn."""


@dataclass(frozen=True)
class Box:
    """A rectangle in inches; x and y are its upper left corner's, from that of the sheet."""

    x: float
    y: float
    width: float
    height: float


class Panel(ABC):
    """Draws examples into boxes of one size.

    Attributes:
        width, height: of a box, in inches.
    """

    width: float
    height: float

    @abstractmethod
    def draw(self, paper: Any, box: Box, number: int) -> None:
        """Draw an example.

        Args:
            paper: matplotlib axes in inches, y downwards.
            box: where.
            number: which of the examples that the panel was made for.

        Raises:
            ValueError: it is not of the media type that it claims.
        """


@final
class Pictures(Panel):
    """PNG pictures, as large as fits, their proportions kept."""

    width = height = 1.1

    def __init__(self, examples: Sequence[Presentation]) -> None:
        self._examples = examples

    def draw(self, paper: Any, box: Box, number: int) -> None:
        pixels = _pixels(self._examples[number].data)
        step = -(-max(pixels.shape[:2]) // _PIXELS)
        pixels = pixels[::step, ::step]
        rows, columns = pixels.shape[:2]
        scale = min(box.width / columns, box.height / rows)
        width, height = columns * scale, rows * scale
        inner = Box(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height)
        _frame(paper, inner, "none")
        _place(paper, inner, pixels)


@final
class Sounds(Panel):
    """Spectrograms of WAV files, as wide as they last, with their seconds below."""

    width = 1.6
    height = 1.0
    _caption = 0.17

    def __init__(self, examples: Sequence[Presentation]) -> None:
        self._drawn = [spectrogram(example.data) for example in examples]
        self._longest = max(drawn.seconds for drawn in self._drawn)

    def draw(self, paper: Any, box: Box, number: int) -> None:
        drawn = self._drawn[number]
        height = box.height - self._caption
        _frame(paper, Box(box.x, box.y, box.width, height), SUNK)
        _place(
            paper, Box(box.x, box.y, box.width * drawn.seconds / self._longest, height), _pixels(drawn.png)
        )
        caption = f"{drawn.seconds:.2f} s, up to {drawn.top / 1000:g} kHz"
        write(paper, box.x, box.y + height + 0.04, caption, size=6.5, color=SOFT)


@final
class Texts(Panel):
    """The beginnings of texts; boxes are as high as the longest of them needs."""

    width = 2.7
    _lines = 6
    _lowest = 0.62
    _inset = 0.09
    _size = 7.5

    def __init__(self, examples: Sequence[Presentation]) -> None:
        texts = (printable(example.data.decode("utf-8", "replace")) for example in examples)
        room = self.width - 2 * self._inset
        self._texts = [wrapped(text, room, self._lines, self._size) for text in texts]
        most = max(text.count("\n") + 1 for text in self._texts)
        self.height = max(self._lowest, 0.2 + 0.13 * most)

    def draw(self, paper: Any, box: Box, number: int) -> None:
        _frame(paper, box, SUNK)
        x, y = box.x + self._inset, box.y + self._inset
        write(paper, x, y, self._texts[number], size=self._size, linespacing=1.25)


@final
class Several(Panel):
    """Examples of several media types, each drawn as its own kind, in boxes that all of them fit into."""

    def __init__(self, examples: Sequence[Presentation]) -> None:
        self._places: list[tuple[Panel, int]] = []
        panels: dict[str, Panel] = {}
        counts: dict[str, int] = {}
        for example in examples:
            media = example.media
            if media not in panels:
                panels[media] = PANELS[media]([one for one in examples if one.media == media])
            self._places.append((panels[media], counts.get(media, 0)))
            counts[media] = counts.get(media, 0) + 1
        self.width = max(panel.width for panel in panels.values())
        self.height = max(panel.height for panel in panels.values())

    def draw(self, paper: Any, box: Box, number: int) -> None:
        panel, own = self._places[number]
        left, above = (box.width - panel.width) / 2, (box.height - panel.height) / 2
        panel.draw(paper, Box(box.x + left, box.y + above, panel.width, panel.height), own)


def panel_of(examples: Sequence[Presentation]) -> Panel:
    """What draws some examples, one at least."""
    media = {example.media for example in examples}
    return Several(examples) if len(media) > 1 else PANELS[examples[0].media](examples)


PANELS: Mapping[str, type[Pictures | Sounds | Texts]] = {
    "image/png": Pictures,
    "audio/wav": Sounds,
    "text/plain": Texts,
}


def _pixels(png: bytes) -> Any:
    from matplotlib import image

    library: Any = image  # its type stubs are incomplete
    try:
        return library.imread(io.BytesIO(png), format="png")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"not a PNG picture ({error})") from error


def _place(paper: Any, box: Box, pixels: Any) -> None:
    paper.imshow(
        pixels,
        extent=(box.x, box.x + box.width, box.y + box.height, box.y),
        aspect="auto",
        cmap="gray",
        vmin=0,
        vmax=1,
        zorder=2,
    )


def _frame(paper: Any, box: Box, fill: str) -> None:
    from matplotlib.patches import Rectangle

    order = 3 if fill == "none" else 1  # a frame lies above its picture, a filled one below
    corner = (box.x, box.y)
    paper.add_patch(
        Rectangle(corner, box.width, box.height, facecolor=fill, edgecolor=LINE, lw=0.6, zorder=order)
    )
