"""The embedding cache: every example passes a frozen encoder once, and no entry is ever stale."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder, Presentation, Source, Split
from kshot.loading import EmbeddedSplit, EmbeddingCache, example_keys
from kshot.sampling import Catalogue
from torch import Tensor

CPU = torch.device("cpu")


@final
class Words(Source):
    """Texts by class; the same text may stand in several splits."""

    modality = "text"

    def __init__(self, **splits: Sequence[str]) -> None:
        self.rows: list[str] = [text for texts in splits.values() for text in texts]
        self._catalogues: dict[str, Catalogue] = {}
        start = 0
        for name, texts in splits.items():
            rows = range(start, start + len(texts))
            keys = [f"{row:04d}" for row in rows]
            self._catalogues[name] = Catalogue.build(["a"] * len(texts), keys, version="1", rows=list(rows))
            start += len(texts)

    def catalogue(self, split: Split) -> Catalogue:
        return self._catalogues[split]

    def fetch(self, row: int) -> str:
        return self.rows[row]

    def digest(self, row: int) -> str:
        return hashlib.sha256(self.rows[row].encode()).hexdigest()

    def present(self, raw: Any) -> Presentation:
        return Presentation("text/plain", raw.encode())


@final
class Letters(Encoder):
    """Counts letters, times a weight; remembers what it was asked to prepare; cuts after 8."""

    modality = "text"
    dim = 3

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.seen: list[str] = []

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        texts = list(raw)
        self.seen += texts
        counts = [[float(text[:8].count(letter)) for letter in "xyz"] for text in texts]
        return {"counts": torch.tensor(counts), "truncated": torch.tensor([len(text) > 8 for text in texts])}

    def forward(self, inputs: Inputs) -> Tensor:
        return inputs["counts"] * self.weight


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    return tmp_path / "embeddings"


def embed(encoder: Encoder, source: Source, split: Split = "test", **identity: object) -> EmbeddedSplit:
    catalogue = source.catalogue(split)
    return EmbeddingCache(encoder, identity, CPU).split(source, catalogue, example_keys(source, catalogue))


def test_an_example_is_embedded_once_wherever_it_stands(folder: Path) -> None:
    source, encoder = Words(train=["x", "yy", "zzz"], test=["zzz", "xyz", "x", "xyz"]), Letters()
    train, test = embed(encoder, source, "train"), embed(encoder, source, "test")
    assert train.embeddings.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 3]]
    assert test.embeddings.tolist() == [[0, 0, 3], [1, 1, 1], [1, 0, 0], [1, 1, 1]]
    assert encoder.seen == ["x", "yy", "zzz", "xyz"], "each text once"
    again = Letters()
    assert torch.equal(embed(again, source, "test").embeddings, test.embeddings)
    assert again.seen == [], "another process's cell embeds nothing"
    assert len(list(folder.rglob("*.safetensors"))) == 2


def test_order_of_examples_is_no_matter() -> None:
    texts = ["x" * n + "y" for n in range(7)]
    first, encoder = embed(Letters(), Words(test=texts)).embeddings, Letters()
    turned = embed(encoder, Words(test=texts[::-1])).embeddings
    assert encoder.seen == []
    assert torch.equal(turned, first.flip(0))


def test_what_changes_meets_no_stale_entry() -> None:
    source, encoder = Words(test=["x", "y"]), Letters()
    embed(encoder, source, option=1)

    def fresh(change: Callable[[], object], **identity: object) -> list[str]:
        change()
        encoder.seen.clear()
        found = embed(encoder, source, **identity).embeddings
        assert torch.equal(found, encoder(encoder.prepare(source.rows)).detach())
        return encoder.seen[: -len(source.rows)]

    assert fresh(lambda: None, option=1) == []
    assert fresh(lambda: None, option=2) == ["x", "y"]
    assert fresh(lambda: encoder.weight.data.add_(1), option=1) == ["x", "y"]
    assert fresh(lambda: source.rows.__setitem__(0, "z"), option=1) == ["z"], "the changed example alone"


def test_some_of_what_stands_in_one_place_are_taken_from_it() -> None:
    source, encoder = (
        Words(train=["x", "yy", "zzz"], test=["x", "yy"], validation=["zzz", "x", "yy"]),
        Letters(),
    )
    train = embed(encoder, source, "train").embeddings
    encoder.seen.clear()
    assert torch.equal(embed(encoder, source, "test").embeddings, train[:2])
    assert torch.equal(embed(encoder, source, "validation").embeddings, train[[2, 0, 1]])
    assert encoder.seen == []


def test_what_was_cut_is_counted_among_what_is_asked_for() -> None:
    long = ["x" * 9, "y" * 10]
    source = Words(train=[*long, "z"], validation=["yy"], test=["yy", long[1]])
    counts = [embed(Letters(), source, split).truncated for split in ("train", "validation", "test")]
    assert counts == [2, 0, 1]


def test_a_source_without_digests_is_known_by_all_that_stands_for_its_content() -> None:
    source = Words(test=["x", "x"])
    source.digest = lambda row: None
    catalogue = source.catalogue("test")
    keys = [
        example_keys(source, one, origin)
        for one in (catalogue, replace(catalogue, fingerprint="another"))
        for origin in ("", "code")
    ]
    assert len({key.tobytes() for some in keys for key in some}) == 8
    assert np.array_equal(example_keys(source, catalogue, "code"), keys[1])


def test_what_another_kind_of_device_embedded_is_not_taken() -> None:
    encoder = Letters()
    here, there = (EmbeddingCache(encoder, {}, torch.device(kind)) for kind in ("cpu", "meta"))
    assert here._folder != there._folder
    assert here._folder == EmbeddingCache(encoder, {}, CPU)._folder


def test_a_source_without_digests_goes_by_its_content_version() -> None:
    class Plain(Words):  # type: ignore[misc]
        def digest(self, row: int) -> None:  # type: ignore[override]
            return None

    one = Plain(train=["x", "y"], test=["z"])
    keys = {bytes(key) for split in ("train", "test") for key in example_keys(one, one.catalogue(split))}
    assert len(keys) == 3
    assert embed(Letters(), one, "train").embeddings.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_damaged_segment_is_made_again(folder: Path) -> None:
    source = Words(test=["x", "y"])
    expected = embed(Letters(), source).embeddings.clone()
    [path] = folder.rglob("*.safetensors")
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[:-4], b"\xff" * len(whole)):
        path.write_bytes(damaged)
        assert torch.equal(embed(Letters(), source).embeddings, expected)
        assert path.read_bytes() == whole


def test_what_was_cut_is_known_on_the_second_run_too() -> None:
    source = Words(test=["x" * 9, "x" * 8, "y" * 20])
    assert embed(Letters(), source).truncated == 2
    assert embed(Letters(), source).truncated == 2


def test_ten_thousand_rows_are_mapped_and_not_read(folder: Path) -> None:
    source = Words(test=[f"{'x' * (n % 7)}{n}" for n in range(3000)])
    embed(Letters(), source)
    again = embed(Letters(), source).embeddings
    [path] = folder.rglob("*.safetensors")
    assert str(path) in Path("/proc/self/maps").read_text()
    assert again.shape == (3000, 3)


def _writer(number: int, queue: Any) -> None:
    source = Words(test=[f"x{n % 50}" for n in range(number, number + 40)])
    found = embed(Letters(), source).embeddings
    queue.put(bool((found[:, 0] == 1).all()) and len(found) == 40)


def test_processes_that_write_at_once_spoil_nothing(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_writer, args=(10 * number, queue)) for number in range(4)]
    for worker in workers:
        worker.start()
    assert all(queue.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    encoder = Letters()
    found = embed(encoder, Words(test=[f"x{n}" for n in range(50)])).embeddings
    assert encoder.seen == []
    assert np.array_equal(found[:, 0].numpy(), np.ones(50))
    assert not list(folder.rglob("*.part"))
