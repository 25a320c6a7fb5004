"""A label that is out of scope: its rows are in no split, and are had apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Presentation, Source
from kshot.splits import ClassSplit, ColumnSplit, FractionSplit
from kshot.tables import table_source

pytest.importorskip("datasets", reason="tables need kshot[tables]")

ROWS = [
    *((f"{label}{number}", label, part) for label, part in zip("abc", ("train", "val", "test"), strict=True)
      for number in range(3)),
    ("stray 0", "oos", "train"),
    ("stray 1", "oos", "test"),
    ("stray 2", "oos", "test"),
]  # fmt: skip


def source(folder: Path, rows: list[tuple[str, str, str]] = ROWS, **options: Any) -> Source:
    lines = ["text,label,split", *(",".join(row) for row in rows)]
    (folder / "table.csv").write_text("\n".join(lines))
    defaults: dict[str, Any] = {
        "modality": "text",
        "content": "text",
        "media": "text",
        "label": "label",
        "split": ClassSplit(train=["a"], validation=["b"], test=["c"]),
        "decode": str,
        "present": lambda raw: Presentation("text/plain", raw.encode()),
        "suffixes": (".txt",),
    }
    return table_source(path=str(folder / "table.csv"), **(defaults | options))


def strays(of: Source) -> list[str]:
    catalogue = of.out_of_scope()
    assert catalogue is not None
    assert catalogue.classes == ("oos",)
    return [of.fetch(int(row)) for row in catalogue.rows]


def test_rows_of_the_label_are_in_no_split(tmp_path: Path) -> None:
    for split in (None, FractionSplit(seed=3)):
        found = source(tmp_path, split=split, out_of_scope="oos")
        classes = [name for part in ("train", "test") for name in found.catalogue(part).classes]
        assert sorted(classes) == ["a", "b", "c"]
        assert strays(found) == ["stray 0", "stray 1", "stray 2"]
    assert source(tmp_path).out_of_scope() is None


def test_splits_are_what_they_are_without_it(tmp_path: Path) -> None:
    plain, told = source(tmp_path), source(tmp_path, out_of_scope="oos")
    for part in SPLITS:
        assert plain.catalogue(part).fingerprint == told.catalogue(part).fingerprint


def test_of_a_column_that_splits_rows_those_of_the_test_split_count(tmp_path: Path) -> None:
    split = ColumnSplit(column="split")
    assert strays(source(tmp_path, split=split, out_of_scope="oos")) == ["stray 1", "stray 2"]
    with pytest.raises(DataError, match="train and test share 'oos'"):
        source(tmp_path, split=split)


def test_a_misspelt_label_is_told_and_one_that_a_copy_lacks_is_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no row has the label 'ooos', .* did you mean 'oos'"):
        source(tmp_path, out_of_scope="ooos")
    assert source(tmp_path, ROWS[:9], out_of_scope="oos").out_of_scope() is None


def test_what_cannot_be_used_is_skipped_there_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def decode(text: str) -> str:
        if text == "stray 1":
            raise ValueError("no text")
        return text

    found = source(tmp_path, out_of_scope="oos", decode=decode, on_error="skip")
    assert strays(found) == ["stray 0", "stray 2"]
    assert len(found.skipped) == 1
    assert "skipped 1 of 12 examples" in caplog.text


def test_clinc150_has_twelve_hundred(data_folder: Path) -> None:
    from kshot_text.table import text_table

    path = data_folder / "text" / "clinc150.parquet"
    if not path.is_file():
        pytest.skip(f"no texts at {path}; set KSHOT_TEST_DATA to the folder of real data")
    split = FractionSplit()
    found = text_table(path=str(path), split=split, out_of_scope="oos")
    catalogue = found.out_of_scope()
    assert catalogue is not None
    assert len(catalogue) == 1200
    assert sum(len(found.catalogue(part).classes) for part in SPLITS) == 150
