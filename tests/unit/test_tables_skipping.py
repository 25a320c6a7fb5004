"""``on_error: skip``: what cannot be used is counted, named and left out, and the rest serves as it would alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Presentation, Source
from kshot.splits import ClassSplit, ColumnSplit
from kshot.tables import table_source

pytest.importorskip("datasets", reason="tables need kshot[tables]")
pa = pytest.importorskip("pyarrow")

SPLIT = ClassSplit(train=["a", "b"], validation=["c"], test=["d"])
BAD = b"\0 no media"

decoded: list[bytes | str] = []
"""What the decoders below were asked to decode since the test began."""


def decode(content: Any) -> Any:
    decoded.append(content)
    if content in (BAD, "bad"):
        raise ValueError("not in a known format")
    return content


def other_decode(content: Any) -> Any:
    decoded.append(content)
    return content


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    decoded.clear()
    yield
    decoded.clear()


def source(path: str | list[str], **options: Any) -> Source:
    defaults: dict[str, Any] = {
        "modality": "letters",
        "content": "bytes",
        "media": "media",
        "label": "label",
        "split": SPLIT,
        "decode": decode,
        "present": lambda raw: Presentation("text/plain", raw),
        "suffixes": (".bin",),
        "on_error": "skip",
    }
    return table_source(path=path, **(defaults | options))


def folder(name: str = "made", count: int = 3) -> Path:
    """Class folders a, b, c, d with files 0000.bin, 0001.bin, … of different contents."""
    for label in "abcd":
        (Path(name) / label).mkdir(parents=True)
        for number in range(count):
            (Path(name) / label / f"{number:04d}.bin").write_bytes(f"{label} {number}".encode())
    return Path(name)


def table(rows: Sequence[Sequence[Any]], header: Sequence[str] = ("media", "label")) -> str:
    with Path("table.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return "table.csv"


def contents(of: Source) -> dict[str, list[Any]]:
    return {split: [of.fetch(int(row)) for row in of.catalogue(split).rows] for split in SPLITS}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "kshot"]


def test_one_damaged_file_among_thousands(caplog: pytest.LogCaptureFixture) -> None:
    made = folder(count=500)
    (made / "b" / "0123.bin").write_bytes(BAD)
    skipping = source("made")
    assert skipping.skipped == ("made/b/0123.bin: cannot be decoded: not in a known format",)
    assert len(skipping.catalogue("train")) == 999
    assert len(decoded) == 2000
    assert warnings(caplog) == [
        "made: skipped 1 of 2000 examples as unusable\n"
        "  made/b/0123.bin: cannot be decoded: not in a known format"
    ]


def test_the_default_decodes_nothing_and_skips_nothing(caplog: pytest.LogCaptureFixture) -> None:
    made = folder()
    (made / "b" / "0001.bin").write_bytes(BAD)
    strict = source("made", on_error="raise")
    assert (decoded, strict.skipped, warnings(caplog)) == ([], (), [])
    with pytest.raises(DataError, match=r"^made/b/0001\.bin: cannot be decoded: not in a known format$"):
        contents(strict)


def test_a_sound_source_is_the_same_under_both(caplog: pytest.LogCaptureFixture) -> None:
    folder()
    strict, skipping = source("made", on_error="raise"), source("made")
    for split in SPLITS:
        assert skipping.catalogue(split).fingerprint == strict.catalogue(split).fingerprint
    assert (skipping.skipped, warnings(caplog)) == ((), [])


def test_what_is_left_is_as_if_the_rest_had_never_been() -> None:
    made = folder()
    (made / "a" / "0001.bin").write_bytes(BAD)
    (made / "c" / "0002.bin").write_bytes(b"")
    (made / "d" / "0000.bin").unlink()
    (made / "d" / "0000.bin").symlink_to("nowhere")
    skipping = source("made")
    assert skipping.skipped == (
        "made/a/0001.bin: cannot be decoded: not in a known format",
        "made/c/0002.bin is empty; mend or remove it",
        "made/d/0000.bin cannot be read: No such file or directory",
    )
    with pytest.raises(
        DataError, match=r"^made: 2 files cannot be used\n  - made/c/0002\.bin is empty; mend"
    ):
        source("made", on_error="raise")
    for place in ("a/0001.bin", "c/0002.bin", "d/0000.bin"):
        (made / place).unlink()
    mended = source("made", on_error="raise")
    assert contents(skipping) == contents(mended)
    for split in SPLITS:
        assert skipping.catalogue(split).fingerprint == mended.catalogue(split).fingerprint


def test_a_link_to_nothing_is_told_by_the_default_too() -> None:
    (folder() / "a" / "9.bin").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"^made/a/9\.bin cannot be read: No such file or directory$"):
        source("made", on_error="raise")


def test_a_second_opening_decodes_only_what_is_new_or_was_refused() -> None:
    made = folder()
    (made / "a" / "0001.bin").write_bytes(BAD)
    first = source("made")
    assert len(decoded) == 12
    decoded.clear()
    assert source("made").skipped == first.skipped
    assert decoded == [BAD]
    (made / "a" / "0002.bin").write_bytes(b"A 2")
    (made / "a" / "0001.bin").write_bytes(b"mended")
    decoded.clear()
    assert source("made").skipped == ()
    assert sorted(decoded) == [b"A 2", b"mended"]
    decoded.clear()
    source("made", decode=other_decode)
    assert len(decoded) == 12, "what one function decodes says nothing of another"


def test_a_memory_cut_short_is_no_harm(tmp_path: Path) -> None:
    folder()
    source("made")
    [file] = (tmp_path / "cache").rglob("*.sha256")
    file.write_bytes(file.read_bytes()[:-7])
    decoded.clear()
    assert source("made").skipped == ()
    assert len(decoded) == 1


def test_cells_without_content_label_group_or_file(caplog: pytest.LogCaptureFixture) -> None:
    folder()
    names = [[f"made/{label}/{number:04d}.bin", label, "x"] for label in "abcd" for number in range(3)]
    names[1][0] = ""
    names[3][1] = " "
    names[7][2] = ""
    names[11][0] = "made/d/2000.bin"
    path = table(names, ("media", "label", "group"))
    skipping = source(path, example_groups=["group"])
    empty = "the cell is empty; mend or remove the row"
    assert skipping.skipped == (
        f"table.csv line 3, column 'media': {empty}",
        f"table.csv line 5, column 'label': {empty}",
        f"table.csv line 9, column 'group': {empty}",
        "table.csv line 13, column 'media': no such file: made/d/2000.bin; did you mean '0002.bin'?",
    )
    assert [len(skipping.catalogue(split)) for split in SPLITS] == [4, 2, 2]
    [warning] = warnings(caplog)
    assert warning.startswith("table.csv: skipped 4 of 12 examples as unusable\n")
    assert warning.endswith("\n  and 1 more")


def test_cells_of_parquet() -> None:
    from pyarrow import parquet

    cells: list[Any] = [{"bytes": f"{n}".encode(), "path": None} for n in range(8)]
    cells[1] = None
    cells[2] = {"bytes": b"", "path": None}
    cells[5] = {"bytes": BAD, "path": "5.bin"}
    cells[7] = {"bytes": None, "path": "7.bin"}
    labels, parts = list("aaabbbcc"), ["train"] * 3 + ["test"] * 3 + ["other"] * 2
    parquet.write_table(pa.table({"media": cells, "label": labels, "part": parts}), "table.parquet")
    skipping = source("table.parquet", split=ColumnSplit(column="part"))
    assert [problem.split(",")[0] for problem in skipping.skipped] == [
        f"table.parquet row {row}" for row in (1, 2, 5)
    ], "row 7 is of no split"
    assert len(skipping.catalogue("test")) == 2


def test_texts_and_several_tables(caplog: pytest.LogCaptureFixture) -> None:
    path = table([["one", "a"], ["", "a"], ["two", "b"], ["bad", "c"], ["three", "c"]])
    Path("more.csv").write_text("media,label\nbad,d\nfour,d\n")
    skipping = source([path, "more.csv"], content="text")
    assert contents(skipping) == {"train": ["one", "two"], "validation": ["three"], "test": ["four"]}
    assert [problem.split(",")[0] for problem in skipping.skipped] == [
        "table.csv line 3",
        "table.csv line 5",
        "more.csv line 2",
    ]
    assert warnings(caplog)[0].startswith("table.csv, more.csv: skipped 3 of 7 examples as unusable\n")


def test_a_class_left_without_examples_is_named(caplog: pytest.LogCaptureFixture) -> None:
    made = folder()
    for file in (made / "b").iterdir():
        file.write_bytes(BAD)
    (made / "empty").mkdir()
    skipping = source("made")
    assert skipping.catalogue("train").classes == ("a",)
    assert warnings(caplog)[0].endswith("\n  classes left out for want of an example: empty, b")


def test_no_example_left_in_a_split() -> None:
    made = folder()
    for file in (made / "c").iterdir():
        file.write_bytes(BAD)
    with pytest.raises(DataError) as caught:
        source("made")
    assert str(caught.value) == (
        "made: no example of the validation split can be used; the first: "
        "made/c/0000.bin: cannot be decoded: not in a known format"
    )


def test_a_column_of_the_wrong_kind_is_no_matter_of_single_examples() -> None:
    from pyarrow import parquet

    parquet.write_table(pa.table({"media": [1, 2, 3, 4], "label": list("abcd")}), "table.parquet")
    with pytest.raises(
        DataError, match=r"no example of the train split can be used; the first: .*holds a int"
    ):
        source("table.parquet")


def test_many_missing_files_are_not_each_compared_with_many() -> None:
    folder(count=250)
    path = table(
        [["made/a/x000.bin", "a"], ["made/b/0000.bin", "b"], *[[f"made/{x}/0001.bin", x] for x in "cd"]]
    )
    assert source(path).skipped == ("table.csv line 2, column 'media': no such file: made/a/x000.bin",)
