"""Photographs as people have them: every mode is converted, and damaged ones are skipped on demand."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kshot.errors import DataError
from kshot.interfaces import Source
from kshot.loading.prepare import prepare
from kshot.splits import ClassSplit
from kshot_image.encoders.conv4 import conv4
from kshot_image.table import image_table
from PIL import Image

SPLIT = ClassSplit(train=["a"], test=["b"])
GOOD = 5


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two class folders of good pictures, and of every kind of damage one file among those of class a."""
    generator = np.random.Generator(np.random.Philox(key=0))
    folder = tmp_path / "photographs"
    for label in "ab":
        (folder / label).mkdir(parents=True)
        for number in range(GOOD):
            pixels = generator.integers(0, 256, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.{('png', 'jpg')[number % 2]}")
    png, jpeg = ((folder / "a" / name).read_bytes() for name in ("0.png", "1.jpg"))
    damaged = {
        "broken.png": png[:60] + bytes(20) + png[80:],
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "empty.png": b"",
        "text.jpg": b"<html>404</html>",
    }
    for name, content in damaged.items():
        (folder / "a" / name).write_bytes(content)
    Image.fromarray(np.ones((3, 3), dtype=np.float32)).save(folder / "a" / "float.tif")
    return folder


BAD = ["broken.png", "cut.jpg", "empty.png", "float.tif", "text.jpg"]


def serves(source: Source) -> None:
    catalogue = source.catalogue("train")
    assert len(catalogue) == GOOD
    inputs = prepare(conv4(width=4, channels=3), source, catalogue.rows)
    assert all(len(leaf) == GOOD for leaf in inputs.values())


def test_a_folder(photographs: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = image_table(path=str(photographs), split=SPLIT, on_error="skip")
    assert len(source.skipped) == len(BAD)
    for name, problem in zip(BAD, source.skipped, strict=True):
        assert f"a/{name}" in problem
    serves(source)
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"skipped 5 of {2 * GOOD + 5} examples" in warning
    assert "a/broken.png: cannot be decoded" in warning


def test_a_folder_without_the_option(photographs: Path) -> None:
    with pytest.raises(DataError, match=r"a/empty\.png is empty; mend or remove it"):
        image_table(path=str(photographs), split=SPLIT)
    (photographs / "a" / "empty.png").unlink()
    source = image_table(path=str(photographs), split=SPLIT)
    with pytest.raises(DataError, match=r"a/broken\.png: cannot be decoded"):
        prepare(conv4(width=4, channels=3), source, source.catalogue("train").rows)


def test_tables_of_bytes_and_of_paths(photographs: Path, tmp_path: Path) -> None:
    files = sorted(photographs.glob("*/*"))
    cells = [{"image": {"bytes": f.read_bytes(), "path": f.name}, "label": f.parent.name} for f in files]
    pq.write_table(pa.Table.from_pylist([*cells, {"image": None, "label": "a"}]), tmp_path / "inside.parquet")
    inside = image_table(path=str(tmp_path / "inside.parquet"), split=SPLIT, on_error="skip")
    assert [problem.rsplit(" row ")[1].split(",")[0] for problem in inside.skipped] == [
        *(str(row) for row, file in enumerate(files) if file.name in BAD),
        str(len(files)),
    ]
    serves(inside)
    with (tmp_path / "paths.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "label"])
        writer.writerows([str(file.relative_to(tmp_path)), file.parent.name] for file in files)
        writer.writerow(["photographs/a/nowhere.png", "a"])
    paths = image_table(path=str(tmp_path / "paths.csv"), split=SPLIT, on_error="skip")
    assert len(paths.skipped) == len(BAD) + 1
    assert "no such file" in paths.skipped[-1]
    serves(paths)


def test_pictures_of_every_mode_from_a_folder(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
    deep = np.array([[0, 256, 65535]], dtype=np.uint16)
    clear = Image.new("RGBA", (3, 1), (255, 0, 0, 0))
    palette = Image.new("P", (3, 1))
    palette.putpalette([9, 8, 7])
    sideways = Image.fromarray(np.arange(3, dtype=np.uint8)[:, None])
    exif = sideways.getexif()
    exif[274] = 6
    Image.fromarray(deep).save(tmp_path / "a" / "0.png")
    clear.save(tmp_path / "a" / "1.png")
    palette.save(tmp_path / "a" / "2.png")
    sideways.save(tmp_path / "a" / "3.png", exif=exif)
    Image.new("LA", (3, 1), (7, 255)).save(tmp_path / "a" / "4.png")
    Image.new("1", (3, 1), 1).save(tmp_path / "b" / "0.tif")
    source = image_table(path=str(tmp_path), split=SPLIT, on_error="skip")
    seen = [np.asarray(source.fetch(int(row))).tolist() for row in source.catalogue("train").rows]
    assert source.skipped == ()
    assert seen == [
        [[0, 1, 255]],
        [[[255, 255, 255]] * 3],
        [[[9, 8, 7]] * 3],
        [[2, 1, 0]],
        [[7, 7, 7]],
    ]
    assert np.asarray(source.fetch(5)).tolist() == [[255, 255, 255]]
