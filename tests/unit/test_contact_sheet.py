"""Contact sheets: which examples stand on one, and that all media and texts are legible there."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pytest
from kshot.cli.sources.examples import sheet_rows
from kshot.errors import DataError
from kshot.interfaces import Presentation, Source, Split
from kshot.report.contact import Row, contact_sheet
from kshot.sampling import Catalogue

RED, GREEN = (255, 0, 0), (0, 255, 0)
HOSTILE = "$x$ \x1b[31m 中文 \u202e <b>" + "word " * 200


class Shelf(Source):
    """Texts in classes of given sizes."""

    modality = "text"

    def __init__(self, sizes: Sequence[int], bad: int = -1) -> None:
        labels = [f"class {number:02d}" for number, size in enumerate(sizes) for _ in range(size)]
        self._whole = Catalogue.build(labels, [f"{row:04d}" for row in range(len(labels))], version="1")
        self._bad = bad

    def catalogue(self, split: Split) -> Catalogue:
        return self._whole

    def fetch(self, row: int) -> str:
        if row == self._bad:
            raise DataError(f"shelf row {row}: is torn")
        return f"text {row}"

    def present(self, raw: str) -> Presentation:
        return Presentation("text/plain", raw.encode())


def chosen(source: Source) -> list[Row]:
    return sheet_rows(source, source.catalogue("train"))


def test_the_choice_is_spread_over_the_split_and_always_the_same() -> None:
    rows = chosen(Shelf([40] * 20))
    assert len(rows) == 8
    assert [rows[0].name, rows[-1].name] == ["class 00", "class 19"]
    texts = [[example.data.decode() for example in row.examples] for row in rows]
    assert (texts[0][0], texts[0][-1], texts[-1][-1]) == ("text 0", "text 39", "text 799")
    assert len({text for row in texts for text in row}) == 8 * len(texts[0])
    assert rows == chosen(Shelf([40] * 20))


def test_few_classes_and_examples_are_all_shown() -> None:
    rows = chosen(Shelf([1, 2]))
    assert [row.note for row in rows] == ["1 example", "2 examples"]
    assert [[one.data for one in row.examples] for row in rows] == [[b"text 0"], [b"text 1", b"text 2"]]


def test_an_example_that_cannot_be_read_is_named() -> None:
    with pytest.raises(DataError, match="shelf row 1: is torn"):
        chosen(Shelf([1, 2], bad=1))


def png(pixels: np.ndarray) -> Presentation:
    """(height, width, 3) bytes as a PNG file."""
    from matplotlib import image

    stream = io.BytesIO()
    image.imsave(stream, pixels, format="png")
    return Presentation("image/png", stream.getvalue())


def text(content: str) -> Presentation:
    return Presentation("text/plain", content.encode())


def drawn(*rows: Sequence[Presentation], name: str = "class") -> np.ndarray:
    """The pixels of a sheet, (height, width, 3) bytes."""
    from matplotlib import image

    sheet = contact_sheet(name, name, [Row(name, "note", examples) for examples in rows])
    return (image.imread(io.BytesIO(sheet))[..., :3] * 255).round().astype(np.uint8)


def of_colour(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (pixels == colour).all(axis=2)


def test_tiny_pictures_are_enlarged_without_blur() -> None:
    board = np.array([[RED, GREEN], [GREEN, RED], [RED, GREEN], [GREEN, RED]], np.uint8)
    pixels = drawn([png(board)])
    both = np.argwhere(of_colour(pixels, RED) | of_colour(pixels, GREEN))
    height, width = np.ptp(both, axis=0) + 1
    assert height > 100
    assert abs(height - 2 * width) <= 4
    # Nothing is between the two colours: they fill all of the board but its frame.
    assert len(both) >= (height - 4) * (width - 4)


def test_pictures_stand_in_even_rows_and_columns() -> None:
    one = png(np.full((8, 8, 3), RED, np.uint8))
    red = of_colour(drawn([one, one, one], [one, one, one], [one]), RED)
    for axis in (0, 1):
        starts = np.flatnonzero(np.diff(red.any(axis=axis).astype(int)) == 1)
        assert len(starts) == 3
        assert np.ptp(np.diff(starts)) <= 1


def test_no_text_and_no_name_leaves_the_sheet() -> None:
    pixels = drawn([text(HOSTILE), text(""), text("short")], name=HOSTILE.replace(" ", "_"))
    for edge in (pixels[:10], pixels[-10:], pixels[:, :10], pixels[:, -10:]):
        assert (edge == 255).all()


def test_a_long_text_is_cut_and_stays_in_its_box() -> None:
    """The gap between two boxes is white from top to bottom."""
    pixels = drawn([text("W" * 500), text("short " * 99)])
    fill = of_colour(pixels, (0xF6, 0xF6, 0xF3)).any(axis=0)
    edges = np.flatnonzero(np.diff(fill.astype(int)))
    assert len(edges) == 4, "two boxes"
    below_head = pixels[round(0.9 * 150) :]
    assert (below_head[:, edges[1] + 4 : edges[2] - 4] == 255).all()


def test_a_recording_that_is_none() -> None:
    with pytest.raises(ValueError, match="WAV"):
        drawn([Presentation("audio/wav", b"no sound")])
