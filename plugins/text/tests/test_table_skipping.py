"""Texts without a character to read are skipped on demand, in every form of table."""

from __future__ import annotations

import csv
import json
import logging
from pathlib import Path

import pytest
from kshot.interfaces import Source
from kshot.splits import ClassSplit
from kshot_text.datasets import NAMED
from kshot_text.table import text_table

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")

SPLIT = ClassSplit(train=["a"], test=["b"])
ROWS = [("one", "a"), ("", "a"), ("two", "a"), (" \t", "a"), ("\u200b\ufeff", "a"), ("three", "b")]
EMPTY = (1, 3, 4)


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf_cache"))
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))


def write_csv(folder: Path) -> Path:
    with (folder / "texts.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("text", "label"), *ROWS])
    return folder / "texts.csv"


def write_jsonl(folder: Path) -> Path:
    lines = [json.dumps({"text": text or None, "label": label}) for text, label in ROWS]
    (folder / "texts.jsonl").write_text("\n".join(lines))
    return folder / "texts.jsonl"


def write_parquet(folder: Path) -> Path:
    import pyarrow
    import pyarrow.parquet

    rows = [{"text": text, "label": label} for text, label in ROWS]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "texts.parquet")
    return folder / "texts.parquet"


def train_and_test(source: Source) -> list[list[str]]:
    return [[source.fetch(int(row)) for row in source.catalogue(split).rows] for split in ("train", "test")]


@pytest.mark.parametrize(
    ("write", "counted", "first"),
    [(write_csv, "line", 2), (write_jsonl, "line", 1), (write_parquet, "row", 0)],
)
def test_rows_of_tables(
    write, counted: str, first: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = text_table(path=str(write(tmp_path)), split=SPLIT, on_error="skip")
    assert train_and_test(source) == [["one", "two"], ["three"]]
    assert len(source.skipped) == len(EMPTY)
    for row, problem in zip(EMPTY, source.skipped, strict=True):
        assert f"{counted} {row + first}, column 'text'" in problem
    [warning] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "skipped 3 of 6 examples" in warning


def test_files_of_a_folder(tmp_path: Path) -> None:
    for number, (text, label) in enumerate(ROWS):
        (tmp_path / "texts" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / label / f"{number}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "texts" / "a" / "latin.txt").write_bytes("café".encode("latin-1"))
    source = text_table(path=str(tmp_path / "texts"), split=SPLIT, on_error="skip")
    assert train_and_test(source) == [["one", "two"], ["three"]]
    assert len(source.skipped) == len(EMPTY) + 1
    assert "a/latin.txt cannot be read: not UTF-8 text; save it as UTF-8" in source.skipped[-1]


def test_newsgroups_skip_their_empty_posts(tmp_path: Path) -> None:
    """The hub's copy, here a table of its layout, has posts that are empty without their headers."""
    [spec] = [one for one in NAMED if one.name == "20newsgroups"]
    split = ClassSplit.model_validate(dict(spec.splits["bao2020"]))
    rows = [(f"a post to {group}", group) for group in (*split.train, *split.validation, *split.test)]
    with (tmp_path / "news.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("text", "label_text"), *rows, ("", "sci.med")])
    options = {**spec.options, "path": str(tmp_path / "news.csv"), "split": split}
    source = text_table(**options)
    assert len(source.skipped) == 1
    assert len(source.catalogue("train")) == len(split.train)
