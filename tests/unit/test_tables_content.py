"""A table tells where an example lies and what it holds, so that the embedding cache goes by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import pytest
import torch
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Encoder, Presentation, Source, Split
from kshot.loading import EmbeddingCache, example_keys
from kshot.loading.prepare import prepare
from kshot.splits import ClassSplit
from kshot.tables import table_source
from torch import Tensor

pytest.importorskip("datasets", reason="tables need kshot[tables]")
pa = pytest.importorskip("pyarrow")

SPLIT = ClassSplit(train=["a"], validation=["b"], test=["c"])


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def source(path: str | list[str], **options: Any) -> Source:
    defaults: dict[str, Any] = {
        "modality": "letters",
        "content": "bytes",
        "media": "media",
        "label": "label",
        "split": SPLIT,
        "decode": bytes,
        "present": lambda raw: Presentation("text/plain", raw),
        "suffixes": (".bin",),
    }
    return table_source(path=path, **(defaults | options))


def folder(**classes: Sequence[bytes]) -> str:
    for name, files in classes.items():
        Path("made", name).mkdir(parents=True)
        for number, content in enumerate(files):
            Path("made", name, f"{number}.bin").write_bytes(content)
    return "made"


@final
class Lengths(Encoder):
    """Counts bytes; remembers what it was asked to prepare; refuses a single byte."""

    modality = "letters"
    dim = 1

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        contents = list(raw)
        if any(len(content) < 2 for content in contents):
            raise DataError("lengths: an example is too short")
        self.seen += contents
        return {"length": torch.tensor([[float(len(content))] for content in contents])}

    def forward(self, inputs: Inputs) -> Tensor:
        return inputs["length"]


def embedded(of: Source, split: Split = "train") -> list[bytes]:
    """What an encoder must look at, of one split."""
    encoder, catalogue = Lengths(), of.catalogue(split)
    keys = example_keys(of, catalogue)
    EmbeddingCache(encoder, {}, torch.device("cpu")).split(of, catalogue, keys)
    return encoder.seen


def test_a_digest_is_that_of_the_content_in_every_form() -> None:
    from pyarrow import parquet

    contents = [b"one", b"two", b"three"]
    made = source(folder(a=contents[:1], b=contents[1:2], c=contents[2:]))
    cells = [{"bytes": content, "path": None} for content in contents]
    parquet.write_table(pa.table({"media": cells, "label": list("abc")}), "table.parquet")
    Path("paths.csv").write_text("media,label\nmade/a/0.bin,a\nmade/b/0.bin,b\nmade/c/0.bin,c\n")
    for one in (made, source("table.parquet"), source("paths.csv")):
        found = {split: one.digest(int(one.catalogue(split).rows[0])) for split in SPLITS}
        assert list(found.values()) == [hashlib.sha256(content).hexdigest() for content in contents]


def test_a_text_counts_as_utf_8() -> None:
    Path("texts.csv").write_text("text,label\nčaj,a\nthé,b\ntea,c\n")
    texts = source("texts.csv", content="text", media="text", decode=str)
    assert texts.digest(0) == hashlib.sha256("čaj".encode()).hexdigest()


def test_places_are_those_of_messages() -> None:
    Path("more.csv").write_text("media,label\nmade/c/0.bin,c\n")
    joined = source([folder(a=[b"x"], b=[b"y"], c=[b"zz"]), "more.csv"])
    assert joined.place(1) == "made/b/0.bin"
    assert joined.place(3) == "more.csv line 2, column 'media'"
    for wrong in (-1, 4):
        with pytest.raises(IndexError):
            joined.place(wrong)
        with pytest.raises(IndexError):
            joined.digest(wrong)


def test_an_encoders_refusal_is_told_with_the_place() -> None:
    made = source(folder(a=[b"long", b"s"], b=[b"long"], c=[b"long"]))
    with pytest.raises(DataError, match=r"^made/a/1\.bin: lengths: an example is too short$"):
        prepare(Lengths(), made, made.catalogue("train").rows)


def test_a_file_that_changes_in_place_is_embedded_anew() -> None:
    path = folder(a=[b"one", b"two"], b=[b"x"], c=[b"y"])
    first = source(path)
    assert embedded(first) == [b"one", b"two"]
    Path(path, "a", "1.bin").write_bytes(b"TWO")
    changed = source(path)
    assert changed.catalogue("train").fingerprint == first.catalogue("train").fingerprint, "sizes alone"
    assert embedded(changed) == [b"TWO"]


def test_equal_content_is_embedded_once_in_all_splits() -> None:
    path = folder(a=[b"one", b"two", b"one"], b=[b"two", b"four"], c=[b"four", b"one"])
    made = source(path)
    assert [embedded(made, split) for split in SPLITS] == [[b"one", b"two"], [b"four"], []]
