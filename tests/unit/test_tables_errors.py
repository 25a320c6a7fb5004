"""Bad tables get one message that names the file, the row or column, and the mend."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot.errors import DataError, KshotError
from kshot.interfaces import Presentation
from kshot.splits import ClassSplit, ColumnSplit, FractionSplit
from kshot.tables import table_source

datasets = pytest.importorskip("datasets", reason="tables need kshot[tables]")
pa = pytest.importorskip("pyarrow")

HEADER = ("audio", "speaker", "part")
ROWS = [("a", "ann", "train"), ("b", "ann", "train"), ("c", "bob", "test"), ("d", "bob", "test")]
BY_PART = ColumnSplit(column="part")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages show paths as the user wrote them: relative here."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)


def refuse_c(text: str) -> str:
    if text == "c":
        raise ValueError("not a sound")
    return text


def silent(raw: Any) -> Presentation:
    return Presentation("text/plain", b"")


def source(path: str | list[str], **options: Any) -> Any:
    defaults: dict[str, Any] = {
        "modality": "audio",
        "content": "text",
        "media": "audio",
        "label": "speaker",
        "split": BY_PART,
        "decode": refuse_c,
        "present": silent,
        "suffixes": (".wav", ".flac"),
    }
    return table_source(path=path, **(defaults | options))


def message(path: str | list[str], **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        source(path, **options)
    return str(caught.value)


def write_csv(
    rows: Sequence[Sequence[Any]] = ROWS, header: Sequence[str] = HEADER, name: str = "speakers.csv"
) -> str:
    with Path(name).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return name


def write_parquet(columns: dict[str, Any], name: str = "speakers.parquet") -> str:
    from pyarrow import parquet

    parquet.write_table(pa.table(columns), name)
    return name


def test_missing_file() -> None:
    write_csv()
    assert message("speaker.csv") == "no such file or folder: speaker.csv; did you mean 'speakers.csv'?"
    assert message("nowhere/speakers.csv") == (
        "no such file or folder: nowhere/speakers.csv: there is no folder nowhere"
    )
    Path("data").mkdir()
    assert message("data/speakers").endswith("(for a data set of the hub write hub:data/speakers)")


def test_unknown_ending() -> None:
    Path("speakers.xlsx").write_bytes(b"PK")
    assert message("speakers.xlsx") == (
        "speakers.xlsx: unknown kind of table '.xlsx'; known are .parquet, .csv, .tsv, .jsonl, .ndjson, .json"
    )


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_empty_file(ending: str) -> None:
    Path(f"none.{ending}").touch()
    assert message(f"none.{ending}") == f"none.{ending}: the file is empty"


def test_table_without_rows() -> None:
    Path("none.jsonl").write_text("\n\n")
    Path("none.json").write_text("[]")
    write_csv([], name="none.csv")
    write_parquet({name: pa.array([], pa.string()) for name in HEADER}, "none.parquet")
    for ending in ("jsonl", "json", "csv", "parquet"):
        assert message(f"none.{ending}") == f"none.{ending}: the table has no rows"


@pytest.mark.parametrize(
    ("name", "content", "start"),
    [
        ("bad.parquet", b"nonsense", "bad.parquet: cannot be read as parquet: Parquet magic bytes not found"),
        ("bad.jsonl", b'{"audio": "a"}\n{"audio":\n', "bad.jsonl: cannot be read as json: JSON parse error"),
        ("bad.csv", b"audio,audio\na,b\n", "bad.csv: two columns are named 'audio'; rename one"),
        ("bad.csv", b"audio,speaker\na,b\nc,d,e\n", "bad.csv line 3 has 3 fields where the header has 2; put"),
        ("bad.csv", b"audio,speaker\na\n", "bad.csv line 2 has 1 fields where the header has 2"),
    ],
)  # fmt: skip
def test_unreadable_tables(name: str, content: bytes, start: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(name).write_bytes(content)
    assert message(name).startswith(start)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("encoding", ["latin1", "utf-16"])
@pytest.mark.parametrize(("ending", "place"), [("csv", ""), ("jsonl", " line 1")])
def test_a_table_of_another_encoding(encoding: str, ending: str, place: str) -> None:
    Path(f"bad.{ending}").write_bytes('{"audio": "\xe9"}\n'.encode(encoding))
    mend = f"save it as UTF-8, as by `iconv -f {encoding} -t utf-8 OLD > NEW`"
    assert message(f"bad.{ending}") == f"bad.{ending}{place}: not UTF-8 text; {mend}"


def test_missing_column() -> None:
    name = write_csv()
    assert message(name, media="adio") == (
        "speakers.csv has no column 'adio' (it has: audio, speaker, part); did you mean 'audio'?"
    )
    for options in (
        {"label": "x"},
        {"split": ColumnSplit(column="x")},
        {"class_groups": ["x"]},
        {"example_groups": ["x"]},
    ):
        assert message(name, **options).startswith("speakers.csv has no column 'x' (it has: audio")


@pytest.mark.parametrize("label", ["", "  "])
def test_row_without_label(label: str) -> None:
    name = write_csv([*ROWS, ("e", label, "train")])
    wanted = "speakers.csv line 6, column 'speaker': the cell is empty; mend or remove the row"
    assert message(name) == wanted
    assert message(name, split=None) == wanted


def test_row_of_no_split_may_lack_label_and_text() -> None:
    assert len(source(write_csv([*ROWS, ("", "", "hidden")])).catalogue("train")) == 2


def test_null_label_and_class_label_that_is_not_given() -> None:
    name = write_parquet({"audio": list("ab"), "speaker": ["ann", None], "part": ["train", "test"]})
    assert "row 1, column 'speaker': the cell is empty" in message(name)
    coded = datasets.Dataset.from_dict({"audio": list("ab"), "speaker": [0, -1], "part": ["train", "test"]})
    coded.cast_column("speaker", datasets.ClassLabel(names=["ann"])).to_parquet("coded.parquet")
    assert "coded.parquet row 1, column 'speaker': the cell is empty" in message("coded.parquet")


def test_row_without_text() -> None:
    name = write_csv([*ROWS, (" \n", "bob", "test")])
    assert message(name) == "speakers.csv line 6, column 'audio': the cell is empty; mend or remove the row"


def test_the_line_is_that_of_an_editor() -> None:
    """Rows may be longer than a line, and blank lines are none."""
    Path("speakers.csv").write_text('audio,speaker\n"a\nb",ann\n\nc,\n', encoding="utf-8")
    assert message("speakers.csv", split=None).startswith("speakers.csv line 5, column 'speaker': the cell")
    Path("speakers.csv").write_text('audio,speaker\n"a\nb",ann\n\nc\n', encoding="utf-8")
    assert message("speakers.csv").startswith("speakers.csv line 5 has 1 fields")
    records = ['{"audio": "a", "speaker": "ann"}', '{"audio": "b", "speaker": null}']
    Path("speakers.jsonl").write_text("\n\n".join(records), encoding="utf-8")
    assert message("speakers.jsonl", split=None).startswith("speakers.jsonl line 3, column 'speaker': the")
    Path("speakers.json").write_text(f"[{','.join(records)}\n]", encoding="utf-8")
    assert message("speakers.json", split=None).startswith("speakers.json row 1, column 'speaker': the")


def test_row_in_the_second_file_of_a_list() -> None:
    names = [write_csv(), write_csv([("e", "eve", "val"), ("", "eve", "val")], name="more.csv")]
    assert message(names).startswith("more.csv line 3, column 'audio': the cell is empty")


def test_the_same_table_twice() -> None:
    name = write_csv()
    assert message([name, f"./{name}"]).startswith("./speakers.csv is named twice")
    assert message([]) == "an empty list of paths; name a table or a folder at least"


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ([b"x", None, b"x", b"x"], " row 1, column 'audio': the cell is empty"),
        ([b"x", b"", b"x", b"x"], " row 1, column 'audio': the cell is empty"),
        ([{"bytes": b"x"}, {"bytes": None, "path": None}, {"bytes": b"x"}, {"bytes": b"x"}], " row 1, column 'audio'"),
        (
            [{"bytes": b"x", "path": "a"}, {"bytes": None, "path": "b"}, None, None],
            ": 3 rows cannot be used\n  - speakers.parquet row 1, column 'audio': no such file: b\n"
            "  - speakers.parquet row 2, column 'audio': the cell is empty",
        ),
        ([None] * 4, ": 4 rows cannot be used\n  - speakers.parquet row 0, column 'audio': the cell is empty; "),
        ([[0.5]] * 4, ": column 'audio' holds list"),
        ([1, 2, 3, 4], ": column 'audio' holds int64; expected a file's bytes, a {bytes, path} struct, or a"),
        ([{"array": 1}] * 4, ": column 'audio' holds struct<array: int64>; expected"),
    ],
)  # fmt: skip
def test_media_cells_that_hold_no_media(cells: list[Any], complaint: str) -> None:
    name = write_parquet({"audio": cells, "speaker": list("aabb"), "part": [row[2] for row in ROWS]})
    assert message(name, content="bytes").startswith(f"speakers.parquet{complaint}")


def test_media_file_that_is_not_there() -> None:
    for name in "abc":
        Path(f"{name}.wav").write_bytes(b"x")
    name = write_csv([(f"{audio}.wav", *rest) for audio, *rest in ROWS])
    assert message(name, content="bytes").startswith(
        "speakers.csv line 5, column 'audio': no such file: d.wav; did you mean '"
    )
    Path("d.wav").touch()
    table = source(name, content="bytes", decode=len)
    with pytest.raises(
        DataError, match=r"^speakers\.csv line 5, column 'audio': d\.wav is empty; mend or remove it$"
    ):
        table.fetch(3)


def test_media_files_that_are_not_there_are_all_told() -> None:
    Path("a.wav").write_bytes(b"x")
    name = write_csv([(f"{audio}.wav", *rest) for audio, *rest in ROWS])
    lines = message(name, content="bytes").splitlines()
    assert lines[0] == "speakers.csv: 3 rows cannot be used"
    assert [line.split(", column")[0] for line in lines[1:]] == [
        f"  - speakers.csv line {n}" for n in (3, 4, 5)
    ]
    assert all("no such file: " in line and "did you mean 'a.wav'?" in line for line in lines[1:])
    many = [(f"{number:03d}.wav", *ROWS[number % 4][1:]) for number in range(30)]
    *_, last = message(write_csv(many, name="many.csv"), content="bytes").splitlines()
    assert last == "  and 20 more"


def test_labels_and_texts_that_are_none() -> None:
    columns = {"audio": list("abcd"), "speaker": [["x"]] * 4, "part": [row[2] for row in ROWS]}
    assert message(write_parquet(columns)) == (
        "speakers.parquet row 0, column 'speaker' holds a list, not a text or a number"
    )
    swapped = write_parquet(
        columns | {"audio": columns["speaker"], "speaker": list("aabb")}, "swapped.parquet"
    )
    assert "swapped.parquet row 0, column 'audio' holds a list" in message(swapped)


def test_content_that_cannot_be_decoded() -> None:
    table = source(write_csv())
    assert table.fetch(1) == "b"
    with pytest.raises(DataError) as caught:
        table.fetch(2)
    assert str(caught.value) == "speakers.csv line 4, column 'audio': cannot be decoded: not a sound"
    with pytest.raises(IndexError):
        table.fetch(-1)


def test_class_with_two_values_of_a_class_group() -> None:
    rows = [(*row, place) for row, place in zip(ROWS, ["N", "N", "S", "E"], strict=True)]
    assert message(write_csv(rows, (*HEADER, "place")), class_groups=["place"]) == (
        "class 'bob' has two values in the class group 'place': 'S' (speakers.csv line 4, column 'place') "
        "and 'E' (speakers.csv line 5, column 'place'); a class has one"
    )


def test_example_group_without_value() -> None:
    rows = [(*row, place) for row, place in zip(ROWS, ["N", "N", "", "E"], strict=True)]
    name = write_csv(rows, (*HEADER, "place"))
    assert "line 4, column 'place': the cell is empty" in message(name, example_groups=["place"])


def test_validation_may_be_empty_until_it_is_asked_for() -> None:
    table = source(write_csv())
    with pytest.raises(DataError, match=r"^speakers\.csv: the validation split has no classes; give it some"):
        table.catalogue("validation")


@pytest.mark.parametrize("split", [FractionSplit(fractions=[0, 0, 1]), ClassSplit(test=["ann", "bob"])])
def test_a_table_may_have_test_classes_alone(split: Any) -> None:
    table = source(write_csv([("a", "ann", ""), ("b", "bob", "")]), split=split)
    assert table.catalogue("test").classes == ("ann", "bob")
    for other in ("train", "validation"):
        with pytest.raises(
            DataError, match=rf"^speakers\.csv: the {other} split has no classes; give it some"
        ):
            table.catalogue(other)


def test_messages_of_the_split_name_the_table() -> None:
    name = write_csv()
    assert message(name, split="vinyals").startswith("speakers.csv: no published split 'vinyals' is known")
    unknown = ClassSplit(train=["ann"], test=["bobb"])
    assert message(name, split=unknown).startswith(
        "speakers.csv: the split lists classes that the data do not"
    )
    mixed = write_csv([("a", "ann", "train"), ("b", "ann", "test")], name="mixed.csv")
    assert "mixed.csv: classes of different splits must differ, but train and test share 'ann'" in message(
        mixed
    )


def test_file_of_folds_is_found_beside_the_table() -> None:
    from kshot.splits import FileSplit

    Path("data").mkdir()
    name = write_csv(name="data/speakers.csv")
    Path("data/folds.json").write_text(json.dumps({"train": ["bob"], "test": ["ann"]}))
    assert source(name, split=FileSplit(file="folds.json")).catalogue("train").classes == ("bob",)


def test_folders() -> None:
    Path("voices/ann/deep").mkdir(parents=True)
    assert message("voices") == (
        "voices: no examples; a folder of examples holds one sub-folder per class, with files ending in "
        ".wav, .flac (a table in it is named by its own path)"
    )
    Path("voices/ann/deep/1.WAV").write_bytes(b"c")
    Path("voices/bob").mkdir()
    assert message("voices") == (
        "voices: class folders without a file ending in .wav, .flac: bob; fill or remove them"
    )
    Path("voices/bob/1.flac").touch()
    two = ClassSplit(train=["ann"], test=["bob"])
    assert message("voices", split=two) == "voices/bob/1.flac is empty; mend or remove it"
    Path("voices/bob/1.flac").write_bytes(b"\xff")
    assert "voices is a folder of class folders and has no column 'part' (it has: folder, split)" in message(
        "voices"
    )
    assert "no column 'day'" in message("voices", split=two, example_groups=["day"])
    table = source("voices", split=two)
    with pytest.raises(
        DataError, match=r"^voices/ann/deep/1\.WAV, cannot be decoded|^voices/ann/deep/1\.WAV: cannot"
    ):
        table.fetch(0)
    with pytest.raises(
        DataError, match=r"^voices/bob/1\.flac cannot be read: not UTF-8 text; save it as UTF-8"
    ):
        table.fetch(1)


def test_all_files_of_a_folder_that_cannot_be_used_are_named() -> None:
    for name, numbers in (("ann", range(12)), ("bob", range(1))):
        Path("voices", name).mkdir(parents=True)
        for number in numbers:
            Path("voices", name, f"{number:02d}.wav").touch()
    Path("voices/bob/1.wav").write_bytes(b"b")
    lines = message("voices", split=ClassSplit(train=["ann"], test=["bob"])).splitlines()
    assert lines[0] == "voices: 13 files cannot be used"
    assert lines[1] == "  - voices/ann/00.wav is empty; mend or remove it"
    assert len(lines) == 12
    assert lines[-1] == "  and 3 more"


def test_a_cell_that_names_a_folder() -> None:
    Path("recordings").mkdir()
    for audio in "bcd":
        Path(audio).write_bytes(b"x")
    assert message(write_csv([("recordings", "ann", "train"), *ROWS[1:]]), content="bytes") == (
        "speakers.csv line 2, column 'audio': recordings is a folder; each row names a file of its own"
    )


def test_files_of_other_endings_are_counted_and_told() -> None:
    for file in ("ann/1.wav", "ann/2.M4A", "ann/deep/3.m4a", "bob/1.flac", "bob/notes", "bob/.hidden.m4a"):
        Path("voices", file).parent.mkdir(parents=True, exist_ok=True)
        Path("voices", file).write_bytes(b"x")
    split = ClassSplit(train=["ann"], test=["bob"])
    notes = ["voices: left out 2 .m4a, 1 without an ending; what is read ends in .wav, .flac"]
    assert source("voices", split=split).notes == notes
    for file in ("1.wav", "2.WAV", ".3.wav", "notes.txt"):
        Path("voices", file).write_bytes(b"x")
    beside = "voices: left out 2 .wav that lie beside the class folders; an example lies in the folder of its class"
    assert source("voices", split=split).notes == [*notes, beside]
    Path("voices/bob/1.flac").unlink()
    assert message("voices", split=split) == (
        "voices: class folders without a file ending in .wav, .flac: bob (1 without an ending); fill or remove them"
    )
    Path("voices/ann/1.wav").unlink()
    assert message("voices").endswith("; its sub-folders hold 2 .m4a, 1 without an ending")


def test_without_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(KshotError, match=r'pip install "kshot\[tables\]"'):
        source(write_csv())


def test_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any) -> None:
        raise ConnectionError("Couldn't reach 'some/voices' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    assert message("some/voices") == (
        "'some/voices' is no file or folder here, and the hub cannot be reached; "
        "check the path or the network (Couldn't reach 'some/voices' on the Hub)"
    )


def test_hub_that_has_no_such_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any) -> None:
        raise FileNotFoundError("Dataset 'some/voices' doesn't exist on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unknown)
    assert message("hub:some/voices") == (
        "'some/voices' is no file or folder here, and cannot be had from the hub: "
        "Dataset 'some/voices' doesn't exist on the Hub"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere take no such names")
@pytest.mark.parametrize("name", ["cats/\udcfc.txt", "caf\udce9/a.txt"])
def test_a_name_that_is_not_utf8(name: str) -> None:
    for file in ("pets/cats/a.txt", "pets/dogs/a.txt", f"pets/{name}"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text("words")
    told = message("pets", split=None, suffixes=(".txt",))
    assert told.startswith(f"pets/{name}: the name is not UTF-8; rename it, as by `convmv")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_cache_of_tables_that_cannot_be_written(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = datasets.Dataset.from_list([dict(zip(HEADER, row, strict=True)) for row in ROWS])
    write = {"csv": dataset.to_csv, "jsonl": dataset.to_json, "parquet": dataset.to_parquet}[format]
    write(f"speakers.{format}")
    Path("taken").touch()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(Path("taken/cache").absolute()))
    told = message(f"speakers.{format}")
    assert (
        "taken/cache, cannot be written: Not a directory; make room there, or set HF_DATASETS_CACHE" in told
    )
