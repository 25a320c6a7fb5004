"""Pictures from a user's own tables and folders."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS
from kshot.splits import ClassSplit
from kshot_image.encoders.conv4 import conv4
from kshot_image.table import SUFFIXES, image_table
from PIL import Image

MODES = ["L", "RGB", "RGBA", "1", "P", "LA"]
KINDS = ["a", "b", "c", "d", "e"]


def picture(seed: int, mode: str) -> Image.Image:
    pixels = np.random.Generator(np.random.Philox(key=seed)).integers(0, 256, (9, 6, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        {
            "image": {"bytes": encoded(picture(10 * i + j, mode)), "path": f"{kind}{j}.png"},
            "label": kind,
            "family": "vowel" if kind in "ae" else "consonant",
            "roll": str(j // 2),
        }
        for i, kind in enumerate(KINDS)
        for j, mode in enumerate(MODES)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pictures.parquet")
    return tmp_path / "pictures.parquet"


def test_a_table_of_mixed_modes(table: Path) -> None:
    source = image_table(path=str(table), class_groups=["family"], example_groups=["roll"])
    assert source.modality == "image"
    assert sum(len(source.catalogue(split).classes) for split in SPLITS) == len(KINDS)
    catalogue = source.catalogue("train")
    images = [source.fetch(int(row)) for row in catalogue.rows]
    assert {image.mode for image in images} == {"L", "RGB"}
    assert source.present(images[0]).data.startswith(b"\x89PNG")
    assert set(catalogue.class_groups["family"]) <= {"vowel", "consonant"}
    assert len(set(catalogue.example_groups["roll"])) == 3
    encoder = conv4(width=4, channels=3).eval()
    assert encoder(encoder.prepare(images)).shape == (len(images), encoder.dim)


def test_a_table_and_a_folder_hold_the_same_pictures(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    for row in pq.read_table(table).to_pylist():
        (folder / row["label"]).mkdir(parents=True, exist_ok=True)
        (folder / row["label"] / row["image"]["path"]).write_bytes(row["image"]["bytes"])
    split = ClassSplit(train=["a", "b"], validation=["c"], test=["d", "e"])
    one, two = (image_table(path=str(path), split=split) for path in (table, folder))
    for name in SPLITS:
        first, second = one.catalogue(name), two.catalogue(name)
        assert first.classes == second.classes
        for row, other in zip(first.rows, second.rows, strict=True):
            np.testing.assert_array_equal(np.asarray(one.fetch(int(row))), np.asarray(two.fetch(int(other))))


def test_folders_of_every_format(tmp_path: Path) -> None:
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        for number, suffix in enumerate(SUFFIXES):
            ending = suffix.upper() if number % 2 else suffix
            picture(number, "RGB").save(tmp_path / kind / f"{number}{ending}")
        (tmp_path / kind / "notes.txt").write_text("no picture")
    source = image_table(path=str(tmp_path))
    catalogue = source.catalogue("train")
    assert set(catalogue.sizes) == {len(SUFFIXES)}
    for row in catalogue.rows:
        assert source.fetch(int(row)).size == (6, 9)


def test_orientation_comes_from_the_file(tmp_path: Path) -> None:
    upright = picture(3, "RGB")
    exif = upright.getexif()
    exif[274] = 3
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "turned.png").write_bytes(encoded(upright, exif=exif))
    source = image_table(path=str(tmp_path))
    seen = np.asarray(source.fetch(int(source.catalogue("train").rows[0])))
    np.testing.assert_array_equal(seen, np.asarray(upright)[::-1, ::-1])


@pytest.mark.parametrize("damage", [b"no picture", "half"])
def test_a_picture_that_cannot_be_read_names_its_row(
    table: Path, tmp_path: Path, damage: bytes | str
) -> None:
    rows = pq.read_table(table).to_pylist()
    data = rows[7]["image"]["bytes"]
    rows[7]["image"]["bytes"] = data[: len(data) // 2] if damage == "half" else damage
    path = tmp_path / "damaged.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    source = image_table(path=str(path))
    assert source.fetch(6).size == (6, 9)
    with pytest.raises(DataError, match=r"damaged\.parquet row 7, column 'image': cannot be decoded: \w"):
        source.fetch(7)


def test_other_column_names(table: Path, tmp_path: Path) -> None:
    renamed = pq.read_table(table).rename_columns(["picture", "species", "family", "roll"])
    path = tmp_path / "renamed.parquet"
    pq.write_table(renamed, path)
    assert image_table(path=str(path), image="picture", label="species").catalogue("train").classes
    with pytest.raises(DataError, match=r"no column 'image'"):
        image_table(path=str(path), label="species")
