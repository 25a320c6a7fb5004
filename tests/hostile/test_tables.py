"""Tables whose rows, columns, encodings or sizes are not what a reader expects."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from .forms import damaged, forms, odd_names, words
from .harness import Victim

_DEEP = "[" * 100_000 + "]" * 100_000

TABLES: dict[str, tuple[str | bytes, str, str]] = {
    "NUL": ("text,label\na\0b,x\nc,y\n", ".csv", ""),
    "ragged": ("text,label\na\nb,c,d\n", ".csv", "line 2 has 1 fields"),
    "huge field": ("text,label\n" + "x" * 5_000_000 + ",y\n", ".csv", "its option max_characters"),
    "byte order mark": ("\ufefftext,label\na,b\n", ".csv", ""),
    "not UTF-8": (b"text,label\n\xff\xfe,b\n", ".csv", "save it as UTF-8"),
    "no such column": ("a,b\n1,2\n", ".csv", "has no column 'text'"),
    "100,000 columns": (",".join(f"c{n}" for n in range(100_000)) + "\n1\n", ".csv", "up to 5,000 are read"),
    "open quote": ('text,label\n"a,b\n', ".csv", "fields"),
    "huge label": ("text,label\na," + "L" * 2_000_000 + "\n", ".csv", ""),
    "100,000 deep": ('{"text":' + _DEEP + ',"label":"x"}\n', ".jsonl", "lie more than 100 deep"),
    "100,000 deep, whole": ("[" * 100_000, ".json", "lie more than 100 deep"),
    "20,000 keys": ("{" + ",".join(f'"k{n}":1' for n in range(20_000)) + "}\n", ".jsonl", "more than 5,000 keys"),
    "half a character": ('{"text":"\\ud800","label":"x"}\n', ".jsonl", "cannot be read as json"),
    "a key twice": ('{"text":"a","text":"b","label":"x"}\n', ".jsonl", "twice"),
    "huge number": ('{"text":1e999,"label":"a"}\n', ".jsonl", "cannot be read as json"),
    "kinds mixed": ('{"text":1,"label":"x"}\n{"text":"a","label":2}\n', ".jsonl", ""),
    "no Parquet": (b"PAR1" + b"\0" * 100 + b"PAR1", ".parquet", "cannot be read as parquet"),
}  # fmt: skip


def _put(victim: Victim, content: str | bytes, suffix: str) -> str:
    path = victim.folder / f"table{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize("name", TABLES)
def test_tables(victim: Victim, name: str) -> None:
    content, suffix, reason = TABLES[name]
    ending = victim.ends_well("table", modality="text", path=_put(victim, content, suffix))
    assert (ending.end == "fine") == (not reason), ending.message
    assert reason in ending.message


def _parquet(**columns: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, store_schema=False)
    return stream.getvalue()


def test_a_parquet_file_that_unpacks_to_a_terabyte(victim: Victim) -> None:
    import pyarrow as pa

    repeated = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(1_000_000, "int32")), pa.array(["x" * 1_000_000])
    )
    content = _parquet(text=repeated, label=pa.array(["a"] * 1_000_000))
    assert len(content) < 100_000
    ending = victim.ends_well("table", modality="text", path=_put(victim, content, ".parquet"))
    assert "unpacks to more than 4 GiB" in ending.message


def test_a_parquet_file_whose_statistics_do_not_fit_its_schema(victim: Victim) -> None:
    # The kind of a column is damaged; to look at what is told of it ended the process.
    sound = _parquet(text=["a", "b", "c"], label=["x", "y", "x"])
    content = sound.replace(b"\x15\x0c%\x02\x18\x04text", b"\x15\x00%\x02\x18\x04text")
    assert content != sound
    victim.ends_well("table", modality="text", path=_put(victim, content, ".parquet"))


def test_a_parquet_file_of_too_many_rows(victim: Victim) -> None:
    import pyarrow as pa

    empty = pa.nulls(10_000_001, pa.string())
    ending = victim.ends_well(
        "table", modality="text", path=_put(victim, _parquet(text=empty, label=empty), ".parquet")
    )
    assert "divide it into several tables" in ending.message


def test_repetition_in_bounds_is_read(victim: Victim) -> None:
    content = _parquet(text=["the same"] * 50_000, label=["a"] * 50_000)
    assert victim.ends_well("table", modality="text", path=_put(victim, content, ".parquet")).value == 50_000


def test_cells_that_name_what_is_no_picture(victim: Victim) -> None:
    (victim.folder / "loop.png").unlink(missing_ok=True)
    (victim.folder / "loop.png").symlink_to("loop.png")
    for cell in (
        "/etc/passwd",
        "/dev/zero",
        "../../../../etc/passwd",
        "loop.png",
        "x" * 5000,
        "a\0b",
        "~root",
        ".",
    ):
        content = json.dumps({"image": cell, "label": "a"}) + "\n"
        ending = victim.ends_well("table", modality="image", path=_put(victim, content, ".jsonl"))
        assert ending.end == "refused"
        assert "root:" not in ending.message  # nothing of the file is told


_ROWS = st.lists(st.tuples(words | odd_names, words | odd_names), min_size=1, max_size=6)


def _csv(rows: list[tuple[str, str]]) -> bytes:
    import csv

    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("text", "label"), *rows])
    return stream.getvalue().encode(errors="replace")


_SOUND = [
    _csv([("a b", "x"), ('q"u,o', "y"), ("c\nd", "=x")]),
    b'{"text": "a", "label": "x"}\n{"text": "b\\u00e9", "label": "y"}\n',
    b'[{"text": "a", "label": 1}, {"text": "b", "label": null}]',
]


@forms(12, 150, rows=_ROWS)
def any_rows(victim: Victim, rows: list[tuple[str, str]]) -> None:
    victim.ends_well("table", modality="text", path=_put(victim, _csv(rows), ".csv"))
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    victim.ends_well("table", modality="text", path=_put(victim, lines, ".jsonl"))


@forms(12, 200, content=damaged(_SOUND), suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".json"]))
def damaged_text(victim: Victim, content: bytes, suffix: str) -> None:
    victim.ends_well("table", modality="text", path=_put(victim, content, suffix))


def _parquets() -> list[bytes]:
    return [
        _parquet(text=["a", "b", "c"], label=["x", "y", "x"]),
        _parquet(image=[b"\x89PNG", b"GIF89a"], label=[1, 2]),
        _parquet(
            image=[{"bytes": b"a", "path": "b"}, {"bytes": None, "path": "/etc/passwd"}], label=["a", "b"]
        ),
    ]


@forms(12, 200, content=damaged(_parquets()), modality=st.sampled_from(["text", "image", "audio"]))
def damaged_parquet(victim: Victim, content: bytes, modality: str) -> None:
    victim.ends_well("table", modality=modality, path=_put(victim, content, ".parquet"))


test_any_rows, test_any_rows_at_length = any_rows
test_damaged_text, test_damaged_text_at_length = damaged_text
test_damaged_parquet, test_damaged_parquet_at_length = damaged_parquet
