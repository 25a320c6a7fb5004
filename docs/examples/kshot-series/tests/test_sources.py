"""The embedded source, a user's own tables, and how a curve is read and drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot.interfaces import SPLITS
from kshot_series import drawing
from kshot_series.processes import Processes
from kshot_series.reading import SeriesReader
from kshot_series.series import decode
from kshot_series.table import series_table
from PIL import Image


def test_whole_families_are_held_out() -> None:
    source = Processes(laws=2, per_class=3)
    families = [set(source.catalogue(split).class_groups["family"]) for split in SPLITS]
    assert [len(one) for one in families] == [7, 2, 3]
    assert not families[0] & families[1] and not families[1] & families[2] and not families[0] & families[2]
    assert [len(source.catalogue(split).classes) for split in SPLITS] == [14, 4, 6]


def test_curves_are_a_function_of_the_options_alone() -> None:
    one, two = Processes(laws=1, per_class=2), Processes(laws=2, per_class=3)
    first, more = (source.catalogue("test") for source in (one, two))
    assert first.classes[0] == more.classes[0]
    np.testing.assert_array_equal(one.fetch(int(first.rows[0])), two.fetch(int(more.rows[0])))
    assert not np.array_equal(one.fetch(0), Processes(laws=1, per_class=2, seed=1).fetch(0))
    assert (
        one.catalogue("test").fingerprint
        != Processes(laws=1, per_class=2, noise=0.1).catalogue("test").fingerprint
    )


def test_curves_are_usable_and_differ_in_length() -> None:
    source = Processes(laws=2, per_class=5)
    drawn = [source.fetch(row) for row in range(120)]
    assert all(one.dtype == np.float32 and one.shape[1] == 1 and np.isfinite(one).all() for one in drawn)
    assert all(48 <= len(one) <= 96 and one.std() > 0 for one in drawn)
    assert len({len(one) for one in drawn}) > 10
    assert len({source.digest(row) for row in range(120)}) == 120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3", [[1], [2], [3]]),
        ("1\n2.5\n-3e1\n", [[1], [2.5], [-30]]),
        ("time;load\n0;1\n1;4\n", [[0, 1], [1, 4]]),
        ("0.5\t1\n1\t2", [[0.5, 1], [1, 2]]),
        (" 1 2  3 ", [[1], [2], [3]]),
        ("load\n1\n\n2\n", [[1], [2]]),
    ],
)
def test_numbers_as_people_write_them(text: str, expected: list[list[float]]) -> None:
    assert decode(text).tolist() == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no numbers"),
        ("a,b\n", "no numbers"),
        ("1,2\n1", "line 2 has 1 columns, not 2"),
        ("1\n2\nx\n", "line 3: 'x' is no number"),
        ("1,,3", "line 1: a gap"),
        ("1\nnan\n", "NaN or infinity"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(text)


def written(folder: Path) -> Path:
    """A folder with one sub-folder of CSV files per class."""
    source = Processes(laws=1, per_class=6)
    catalogue = source.catalogue("train")
    for position, label in enumerate(catalogue.labels):
        path = folder / catalogue.classes[label] / f"{position:03d}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, source.fetch(int(catalogue.rows[position])), header="load", comments="")
    return folder


def test_a_folder_of_csv_files(tmp_path: Path) -> None:
    source = series_table(path=str(written(tmp_path / "machines")))
    assert source.modality == "series"
    assert sum(len(source.catalogue(split).classes) for split in ("train", "test")) >= 5
    row = int(source.catalogue("train").rows[0])
    assert source.fetch(row).shape[1] == 1
    assert source.place(row).endswith(".csv")


def test_a_table_with_the_numbers_in_a_column(tmp_path: Path) -> None:
    table = tmp_path / "curves.csv"
    rows = [f'"{k} {i} {k * i}",machine-{k}' for k in range(5) for i in range(4)]
    table.write_text("\n".join(["load,machine", *rows]))
    source = series_table(path=str(table), values="load", label="machine")
    catalogue = source.catalogue("train")
    k = int(catalogue.classes[0].removeprefix("machine-"))
    assert [source.fetch(int(row))[:, 0].tolist() for row in catalogue.rows[:4]] == [
        [k, i, k * i] for i in range(4)
    ]


def test_a_damaged_file_is_named_or_skipped(tmp_path: Path) -> None:
    folder = written(tmp_path / "machines")
    broken = sorted(folder.glob("*/*.csv"))[0]
    broken.write_text("load\n1\noops\n")
    source = series_table(path=str(folder))
    rows = [int(row) for split in SPLITS for row in source.catalogue(split).rows]
    with pytest.raises(DataError, match=rf"{broken.name}.*line 3: 'oops' is no number"):
        [source.fetch(row) for row in rows]
    [skipped] = series_table(path=str(folder), on_error="skip").skipped
    assert broken.name in skipped


@pytest.mark.parametrize(
    "given", [[1, 2, 3], np.array([1, 2, 3]), torch.tensor([[1.0], [2], [3]]), ((1.0,), (2.0,), (3.0,))]
)
def test_the_reader_takes_what_people_have(given: object) -> None:
    read = SeriesReader().read(given)
    assert read.dtype == np.float32
    assert read.tolist() == [[1], [2], [3]]


def test_the_reader_takes_files_and_refuses_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("load\n1\n2\n")
    assert SeriesReader().read(path).tolist() == SeriesReader().read(str(path)).tolist() == [[1], [2]]
    for odd in (None, object(), [[1, 2], [3]], [], {}):
        with pytest.raises(ValueError):
            SeriesReader().read(odd)


@pytest.mark.parametrize("shape", [(60, 1), (60, 3), (1, 1)])
def test_a_curve_is_drawn_as_a_picture(shape: tuple[int, int]) -> None:
    values = np.random.Generator(np.random.Philox(key=0)).normal(size=shape).astype(np.float32)
    drawn = drawing.present(values)
    assert drawn.media == "image/png"
    image = Image.open(io.BytesIO(drawn.data)).convert("L")
    assert image.size == (240, 100)
    assert 10 < sum(image.histogram()[:200]) < 10_000, "a line on white"
    assert drawn.data == drawing.present(values).data
