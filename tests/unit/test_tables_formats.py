"""Every format that a table source reads gives the same examples, and keeps what names mean."""

from __future__ import annotations

import csv
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kshot.errors import DataError
from kshot.interfaces import Presentation
from kshot.splits import ClassSplit, ColumnSplit, FractionSplit
from kshot.tables import table_source

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")
pa = pytest.importorskip("pyarrow")

TEXTS = ["a lion", "a cub", "a shark", "a ray", "an oak", "a fir, tall"]
LABELS = ["cat", "cat", "fish", "fish", "tree", "tree"]
PARTS = ["train", "train", "val", "val", "test", "test"]
BY_PART = ColumnSplit(column="part")


def upper(text: str) -> str:
    return text.upper()


def plain(raw: Any) -> Presentation:
    return Presentation("text/plain", str(raw).encode())


def texts(path: str | Path | list[str], **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "modality": "text",
        "content": "text",
        "media": "text",
        "label": "label",
        "split": BY_PART,
        "decode": upper,
        "present": plain,
        "suffixes": (".txt",),
    }
    return table_source(path=path if isinstance(path, list) else str(path), **(defaults | options))


def media(path: str | Path | list[str], **options: Any) -> Any:
    defaults = {"modality": "image", "content": "bytes", "media": "image", "decode": bytes.decode}
    return texts(path, **(defaults | {"suffixes": (".bin", ".raw")} | options))


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    """The columns as a table in the format of the path's ending."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if path.suffix == ".parquet":
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), path, row_group_size=2)
    elif path.suffix in {".csv", ".tsv"}:
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, delimiter="," if path.suffix == ".csv" else "\t")
            writer.writerows([columns, *(row.values() for row in rows)])
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def toy(path: Path) -> Path:
    return write(path, {"text": TEXTS, "label": LABELS, "part": PARTS})


def contents(source: Any) -> dict[str, dict[str, list[Any]]]:
    """split → class → raw examples in order."""
    found: dict[str, dict[str, list[Any]]] = {}
    for split in ("train", "validation", "test"):
        catalogue = source.catalogue(split)
        assert catalogue is source.catalogue(split)
        for position, number in enumerate(catalogue.labels):
            raw = source.fetch(int(catalogue.rows[position]))
            found.setdefault(split, {}).setdefault(catalogue.classes[number], []).append(raw)
    return found


EXPECTED = {
    "train": {"cat": ["A LION", "A CUB"]},
    "validation": {"fish": ["A SHARK", "A RAY"]},
    "test": {"tree": ["AN OAK", "A FIR, TALL"]},
}


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv", "jsonl", "ndjson", "json"])
def test_every_table_format_gives_the_same(tmp_path: Path, ending: str) -> None:
    source = texts(toy(tmp_path / f"toy [1].{ending}"))  # a name that must not be read as a pattern
    assert contents(source) == EXPECTED
    assert source.modality == "text"
    assert source.present("x") == Presentation("text/plain", b"x")


def test_progress_bars_and_log_level_are_left_as_they_were(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bars, level = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    texts(toy(tmp_path / "toy.parquet"))
    assert capfd.readouterr() == ("", "")
    assert (datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()) == (bars, level)


def test_home_folder_and_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy(tmp_path / "toy.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert contents(texts("~/toy.csv")) == EXPECTED
    monkeypatch.chdir(tmp_path)
    assert contents(texts("toy.csv")) == EXPECTED


def test_fingerprint_tells_content_not_place(tmp_path: Path) -> None:
    def fingerprints(folder: str, values: list[str]) -> list[str]:
        (tmp_path / folder).mkdir()
        path = write(tmp_path / folder / "toy.csv", {"text": values, "label": LABELS, "part": PARTS})
        source = texts(path)
        return [source.catalogue(split).fingerprint for split in ("train", "validation", "test")]

    first = fingerprints("one", TEXTS)
    assert fingerprints("two", TEXTS) == first
    assert not set(fingerprints("three", ["a tiger", *TEXTS[1:]])) & set(first)


def test_a_file_replaced_under_the_same_time_is_read_again(tmp_path: Path) -> None:
    import os

    path = toy(tmp_path / "toy.csv")
    texts(path)
    before = path.stat()
    path.write_text(path.read_text().replace("lion", "puma"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert contents(texts(path))["train"] == {"cat": ["A PUMA", "A CUB"]}


def test_list_of_paths_is_joined(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", {"text": TEXTS[:3], "label": LABELS[:3], "part": PARTS[:3]})
    second = write(tmp_path / "b.jsonl", {"text": TEXTS[3:], "label": LABELS[3:], "part": PARTS[3:]})
    source = texts([str(first), str(second)])
    assert contents(source) == EXPECTED
    with pytest.raises(IndexError):
        source.fetch(6)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_csv_names_stay_as_they_are_written(tmp_path: Path, ending: str) -> None:
    labels = ["01", "1", "NA", "null", "1.0", "True"]
    path = write(tmp_path / f"toy.{ending}", {"text": ["None", "nan", *TEXTS[2:]], "label": labels})
    source = texts(path, split=ClassSplit(train=["01", "1", "NA"], validation=["null"], test=["1.0", "True"]))
    assert contents(source)["train"] == {"01": ["NONE"], "1": ["NAN"], "NA": ["A SHARK"]}


def test_csv_with_byte_order_mark_and_nameless_column(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    path.write_text("\ufeff,text,label\n0,lion,cat\n\n1,ray,fish\n", encoding="utf-8")
    source = texts(path, split=ClassSplit(train=["cat"], test=["fish"]))
    assert [source.fetch(0), source.fetch(1)] == ["LION", "RAY"]


@pytest.mark.parametrize("sign", [";", "\t"])
def test_csv_as_spreadsheets_write_it_where_a_comma_is_a_decimal_sign(tmp_path: Path, sign: str) -> None:
    path = tmp_path / "toy.csv"
    path.write_text(f"\ufefftext{sign}label\nlion, 1,5 m{sign}cat\nray{sign}fish\n", encoding="utf-8")
    source = texts(path, split=ClassSplit(train=["cat"], test=["fish"]))
    assert [source.fetch(0), source.fetch(1)] == ["LION, 1,5 M", "RAY"]


def test_csv_keeps_to_commas_where_its_header_has_them(tmp_path: Path) -> None:
    path = tmp_path / "toy.csv"
    path.write_text("text,label\nlion; tiger,cat\nray,fish\n")
    source = texts(path, split=ClassSplit(train=["cat"], test=["fish"]))
    assert source.fetch(0) == "LION; TIGER"


FIELD = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=8))
def test_csv_is_read_as_it_was_written(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    rows = [(text + "x", label + "x") for text, label in rows]
    labels = [label for _, label in rows] + ["\u2603test"]
    path = tmp_path / "any.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "label"), *rows, ("last", labels[-1])])
    source = texts(path, decode=str, split=ClassSplit(train=sorted(set(labels[:-1])), test=labels[-1:]))
    assert [source.fetch(row) for row in range(len(rows))] == [text for text, _ in rows]
    assert set(source.catalogue("train").classes) == set(labels[:-1])


def test_labels_of_other_types(tmp_path: Path) -> None:
    for labels, classes in [
        ([1, 1, 2, 2, 3, 3], "123"),
        ([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], "123"),
        (pa.array(LABELS).dictionary_encode(), ("cat", "fish", "tree")),
    ]:
        path = write(tmp_path / "toy.parquet", {"text": TEXTS, "label": labels, "part": PARTS})  # type: ignore[dict-item]
        source = texts(path)
        assert [source.catalogue(split).classes for split in ("train", "validation", "test")] == [
            (name,) for name in classes
        ]


def test_boolean_column_may_split(tmp_path: Path) -> None:
    path = write(
        tmp_path / "toy.parquet", {"text": TEXTS[:4], "label": LABELS[:4], "seen": [True, True, False, False]}
    )
    source = texts(path, split=ColumnSplit(column="seen", train=["true"], test=["false"]))
    assert source.catalogue("train").classes == ("cat",)


def features(path: Path, **types: Any) -> Path:
    """Rewrite a Parquet file with the types that `datasets` notes in it."""
    dataset = datasets.Dataset.from_parquet(str(path), cache_dir=str(path.parent / "rewrite"))
    for name, feature in types.items():
        dataset = dataset.cast_column(name, feature)
    dataset.to_parquet(str(path))
    return path


def test_class_labels_give_their_names_and_media_are_not_decoded(tmp_path: Path) -> None:
    images = [{"bytes": text.encode(), "path": None} for text in TEXTS]  # no image at all: nobody looks
    path = write(tmp_path / "toy.parquet", {"image": images, "label": [0, 0, 1, 1, 2, 2], "part": PARTS})
    features(path, label=datasets.ClassLabel(names=["cat", "fish", "tree"]), image=datasets.Image())
    assert contents(media(path))["test"] == {"tree": TEXTS[4:]}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The texts as files in a folder beside the tables; returns their relative paths."""
    (tmp_path / "clips").mkdir()
    for number, text in enumerate(TEXTS):
        (tmp_path / "clips" / f"{number}.bin").write_text(text)
    return [f"clips/{number}.bin" for number in range(len(TEXTS))]


def test_media_cells_of_every_kind(tmp_path: Path, files: list[str]) -> None:
    absolute = [str(tmp_path / file) for file in files]
    cells: dict[str, list[Any]] = {
        "bytes": [text.encode() for text in TEXTS],
        "paths": files,
        "absolute": absolute,
        "structs": [{"bytes": text.encode(), "path": "nowhere.bin"} for text in TEXTS],
        "pointers": [{"bytes": None, "path": file} for file in files],
        "only_paths": [{"path": file} for file in files],
    }
    path = write(tmp_path / "toy.parquet", cells | {"label": LABELS, "part": PARTS})
    sources = {name: media(path, media=name) for name in cells}
    for name, source in sources.items():
        assert contents(source)["test"] == {"tree": TEXTS[4:]}, name
    fingerprints = {source.catalogue("train").fingerprint for source in sources.values()}
    assert len(fingerprints) == len(cells), "another column is another content"


def test_files_named_in_a_table_are_part_of_its_content(tmp_path: Path, files: list[str]) -> None:
    path = write(tmp_path / "toy.csv", {"image": files, "label": LABELS, "part": PARTS})
    first = media(path).catalogue("train").fingerprint
    assert media(path).catalogue("train").fingerprint == first
    (tmp_path / files[0]).write_text("a tiger cub")
    assert media(path).catalogue("train").fingerprint != first


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "animals"
    for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        place = root / label / ("young" if number == 1 else "")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.{'BIN' if number % 2 else 'raw'}").write_text(text)
    (root / "cat" / "notes.md").write_text("not an example")
    (root / "cat" / ".hidden.bin").write_text("not an example")
    (root / ".git").mkdir()
    (root / "README.bin").write_text("not in a class folder")
    return root


BY_CLASS = ClassSplit(train=["cat"], validation=["fish"], test=["tree"])


def test_folder_of_class_folders(folder: Path) -> None:
    source = media(folder, split=BY_CLASS)
    assert contents(source) == {
        "train": {"cat": ["a lion", "a cub"]},
        "validation": {"fish": ["a shark", "a ray"]},
        "test": {"tree": ["an oak", "a fir, tall"]},
    }


def test_folder_needs_no_datasets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    assert media(folder, split=BY_CLASS).catalogue("train").classes == ("cat",)


def test_folder_fingerprint_tells_names_and_sizes_not_place(folder: Path) -> None:
    first = media(folder, split=BY_CLASS).catalogue("train").fingerprint
    moved = folder.rename(folder.parent / "moved")
    assert media(moved, split=BY_CLASS).catalogue("train").fingerprint == first
    (moved / "cat" / "0.raw").write_text("a tiger")
    assert media(moved, split=BY_CLASS).catalogue("train").fingerprint != first


def test_folder_names_are_composed_unicode(tmp_path: Path) -> None:
    for name in ("cafe\u0301", "tea"):
        (tmp_path / "drinks" / name).mkdir(parents=True)
        (tmp_path / "drinks" / name / "1.txt").write_text(f"\ufeff{name}", encoding="utf-8")
    source = texts(tmp_path / "drinks", split=ClassSplit(train=["caf\u00e9"], test=["tea"]))
    assert source.catalogue("train").classes == ("caf\u00e9",)
    assert source.fetch(int(source.catalogue("test").rows[0])) == "TEA"


def test_files_whose_paths_look_the_same_are_refused_by_both_spellings(tmp_path: Path) -> None:
    for name in ("cafe\u0301", "caf\u00e9", "tea"):
        (tmp_path / "drinks" / name).mkdir(parents=True)
        (tmp_path / "drinks" / name / "1.txt").write_text(name, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        texts(tmp_path / "drinks")
    assert "how Unicode spells a letter alone" in str(caught.value)
    assert r"'cafe\u0301/1.txt', 'caf\xe9/1.txt'; rename or remove all but one" in str(caught.value)
    (tmp_path / "drinks" / "cafe\u0301" / "1.txt").rename(tmp_path / "drinks" / "cafe\u0301" / "2.txt")
    source = texts(tmp_path / "drinks", split=ClassSplit(train=["caf\u00e9"], test=["tea"]))
    assert len(source.catalogue("train")) == 2  # one class, whose folders a file system may keep apart


def test_folders_in_a_list_may_share_classes_and_file_names(folder: Path, tmp_path: Path) -> None:
    import shutil

    other = Path(shutil.copytree(folder, tmp_path / "more"))
    source = media([str(folder), str(other)], split=BY_CLASS)
    assert contents(source)["train"] == {"cat": ["a lion", "a cub", "a lion", "a cub"]}


def test_groups(tmp_path: Path) -> None:
    path = write(
        tmp_path / "toy.csv",
        {
            "text": TEXTS,
            "label": LABELS,
            "part": PARTS,
            "kingdom": ["A"] * 4 + ["P"] * 2,
            "day": [3, 1, 2, 2, 1, 9],
        },
    )
    source = texts(path, class_groups=["kingdom"], example_groups=["day"])
    assert source.catalogue("validation").class_groups == {"kingdom": ("A",)}
    assert source.catalogue("test").class_groups == {"kingdom": ("P",)}
    codes = source.catalogue("train").example_groups["day"]
    assert len(codes) == 2
    assert codes[0] != codes[1]
    assert len(np.unique(source.catalogue("validation").example_groups["day"])) == 1


def test_a_source_travels_to_workers_without_its_data(tmp_path: Path) -> None:
    big = [text * 20_000 for text in TEXTS]
    path = write(tmp_path / "toy.parquet", {"text": big, "label": LABELS, "part": PARTS})
    source = texts(path)
    parcel = pickle.dumps(source)
    assert len(parcel) < 20_000
    assert pickle.loads(parcel).fetch(3) == big[3].upper()  # noqa: S301  (our own bytes)


def test_hub_splits_become_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*arguments: Any) -> Any:
        asked.append(arguments)
        halves = {"train": range(2), "validation": range(2, 4), "test": range(4, 6)}
        return datasets.DatasetDict(
            {
                name: datasets.Dataset.from_dict(
                    {"text": [TEXTS[row] for row in rows], "label": [LABELS[row] for row in rows]}
                )
                for name, rows in halves.items()
            }
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    by_split = ColumnSplit(column="split")
    first = texts("hub:somebody/animals:small", split=by_split)
    assert contents(first) == EXPECTED
    assert contents(texts("somebody/animals", split=by_split)) == EXPECTED
    assert asked == [("somebody/animals", "small"), ("somebody/animals",)]
    monkeypatch.setitem(globals(), "TEXTS", ["a puma", *TEXTS[1:]])
    second = texts("hub:somebody/animals", split=by_split)
    assert second.catalogue("train").fingerprint != first.catalogue("train").fingerprint


def test_of_several_columns_the_first_that_a_table_has_counts(tmp_path: Path) -> None:
    here = write(tmp_path / "here.csv", {"text": TEXTS[:4], "label": LABELS[:4], "part": PARTS[:4]})
    there = write(tmp_path / "there.csv", {"query": TEXTS[4:], "intent": LABELS[4:], "part": PARTS[4:]})
    source = texts([str(here), str(there)], media=["text", "query"], label=["intent", "label"])
    assert contents(source) == EXPECTED
    by_part = texts(here, label=["part", "label"], split=ClassSplit(train=["val"], test=["train"]))
    assert by_part.catalogue("test").classes == ("train",)
    with pytest.raises(DataError, match=r"has no column 'intents' \(it has: text, label, part\)"):
        texts(here, label=["intents", "topic"])
    with pytest.raises(DataError, match="an empty list of columns"):
        texts(here, media=[])


def test_without_a_column_of_classes_all_rows_are_of_one(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.csv", {"text": TEXTS})
    catalogue = texts(path, label=[], split=FractionSplit(fractions=[1, 0, 0])).catalogue("train")
    assert catalogue.classes == ("unlabelled",)
    assert len(catalogue) == len(TEXTS)


def test_paths_in_cells_may_start_from_a_folder_of_their_own(tmp_path: Path, files: list[str]) -> None:
    (tmp_path / "meta").mkdir()
    names = [Path(file).name for file in files]
    path = write(tmp_path / "meta" / "toy.csv", {"image": names, "label": LABELS, "part": PARTS})
    assert contents(media(path, files="../clips"))["test"] == {"tree": TEXTS[4:]}
    with pytest.raises(DataError, match=r"line 2, column 'image': no such file"):
        media(path)


def test_columns_of_a_folder(folder: Path, tmp_path: Path) -> None:
    source = media(folder, split=BY_CLASS, example_groups=["folder"])
    assert len(set(source.catalogue("train").example_groups["folder"])) == 2
    for label, split in zip(["cat", "fish", "tree"], ["base", "dev", "novel"], strict=True):
        (tmp_path / split).mkdir()
        (folder / label).rename(tmp_path / split / label)
    by_folder = ColumnSplit(column="split", train=["base"], test=["novel"])
    paths = [str(tmp_path / split) for split in ("base", "dev", "novel")]
    source = media(paths, split=by_folder)
    assert contents(source)["validation"] == {"fish": ["a shark", "a ray"]}
    assert source.catalogue("test").classes == ("tree",)
