"""Your own texts, in each format, and a published data set."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.splits import ClassSplit, FileSplit
from kshot_text.table import text_table

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")

ROWS = [
    {"text": f"text {number} of {label}, café", "label": label, "domain": label[0], "author": str(number % 3)}
    for label in ("a1", "a2", "b1", "b2")
    for number in range(6)
]
SPLIT = ClassSplit(train=["a1", "b1"], validation=["b2"], test=["a2"])


@pytest.fixture(autouse=True)
def _own_datasets_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "hf_cache"))


def write_csv(folder: Path, rows: list[dict[str, str]]) -> str:
    path = folder / "texts.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def write_jsonl(folder: Path, rows: list[dict[str, str]]) -> str:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write_parquet(folder: Path, rows: list[dict[str, str]]) -> str:
    import pyarrow
    import pyarrow.parquet

    path = folder / "texts.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


def write_folder(folder: Path, rows: list[dict[str, str]]) -> str:
    for number, row in enumerate(rows):
        path = folder / "texts" / row["label"] / f"{number:02d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
    return str(folder / "texts")


def contents(source: Source) -> dict[str, set[tuple[str, str]]]:
    found = {}
    for split in SPLITS:
        catalogue = source.catalogue(split)
        names = [catalogue.classes[label] for label in catalogue.labels]
        found[split] = {
            (name, source.fetch(int(row))) for name, row in zip(names, catalogue.rows, strict=True)
        }
    return found


@pytest.mark.parametrize("write", [write_csv, write_jsonl, write_parquet, write_folder])
def test_every_format_holds_the_same(write, tmp_path: Path) -> None:
    source = text_table(path=write(tmp_path, ROWS), split=SPLIT)
    assert source.modality == "text"
    parts = {"train": ("a1", "b1"), "validation": ("b2",), "test": ("a2",)}
    assert contents(source) == {
        split: {(row["label"], row["text"]) for row in ROWS if row["label"] in names}
        for split, names in parts.items()
    }


def test_several_tables_named_columns_and_groups(tmp_path: Path) -> None:
    renamed = [
        {"utterance": r["text"], "intent": r["label"], **{k: r[k] for k in ("domain", "author")}}
        for r in ROWS
    ]
    paths = [write_jsonl(tmp_path, renamed[:13]), write_csv(tmp_path, renamed[13:])]
    source = text_table(
        path=paths,
        text="utterance",
        label="intent",
        split=ClassSplit(train=["a1", "a2", "b1"], test=["b2"]),
        class_groups=["domain"],
        example_groups=["author"],
    )
    catalogue = source.catalogue("train")
    assert catalogue.class_groups["domain"] == ("a", "a", "b")
    drawn = Sampler(catalogue, "train", Shape(2, 1, 2, within="domain", apart="author"), 0).draw(0, 8)
    assert set(drawn.classes.reshape(-1).tolist()) == {0, 1}
    groups = catalogue.example_groups["author"]
    for support, query in zip(drawn.support, drawn.query, strict=True):
        labels = catalogue.labels
        for position in support:
            own = query[labels[query] == labels[position]]
            assert groups[position] not in groups[own]


@pytest.mark.parametrize("empty", ["", "  \t "])
@pytest.mark.parametrize(
    ("write", "place"),
    [(write_csv, "line 9, column 'text'"), (write_jsonl, "line 8, column 'text'"), (write_folder, "07.txt")],
)
def test_an_empty_text_is_refused_by_its_place(write, place: str, empty: str, tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[7]["text"] = empty
    with pytest.raises(DataError, match="empty") as caught:
        source = text_table(path=write(tmp_path, rows), split=ClassSplit(train=["a1", "a2"], test=["b1"]))
        for row in source.catalogue("train").rows:
            source.fetch(int(row))
    assert place in str(caught.value)


def test_a_text_is_presented_as_text(tmp_path: Path) -> None:
    source = text_table(path=write_jsonl(tmp_path, ROWS), split=SPLIT)
    shown = source.present(source.fetch(0))
    assert shown.media == "text/plain"
    assert "café" in shown.data.decode()


def test_clinc150_with_the_folds_of_protaugment(data_folder: Path) -> None:
    table, folds = (
        data_folder / "text" / f"clinc150{end}" for end in (".parquet", "_protaugment_folds.json")
    )
    if not (table.is_file() and folds.is_file()):
        pytest.skip(f"no {table}")
    source = text_table(path=str(table), split=FileSplit(file=str(folds), fold="01"), class_groups=["domain"])
    for split in SPLITS:
        catalogue = source.catalogue(split)
        assert (len(catalogue.classes), len(catalogue)) == (50, 7500)
    text = source.fetch(int(source.catalogue("test").rows[0]))
    assert isinstance(text, str)
    assert text.strip()
