"""The embedded source on the Python that runs the tests."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import kshot_text.pydocs.source as source_module
import pytest
from kshot.errors import DataError
from kshot.interfaces import SPLITS, Source
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot_text.pydocs import PyDocs
from kshot_text.pydocs import pydocs as make
from kshot_text.pydocs.docstrings import MASK, Chunk, library, library_files
from kshot_text.pydocs.source import split_modules

WORD = re.compile(r"\w+")


def words_of(source: Source, module: str) -> set[str]:
    """Lower-case words in all texts of a class."""
    for split in SPLITS:
        catalogue = source.catalogue(split)
        if module in catalogue.classes:
            number = catalogue.classes.index(module)
            rows = catalogue.rows[catalogue.offsets[number] : catalogue.offsets[number + 1]]
            return {word.lower() for row in rows for word in WORD.findall(source.fetch(int(row)))}
    raise AssertionError(f"{module} is in no split")


def test_splits_are_disjoint_and_large_enough(pydocs: Source) -> None:
    classes = {split: set(pydocs.catalogue(split).classes) for split in SPLITS}
    assert len(classes["train"] | classes["validation"] | classes["test"]) == sum(map(len, classes.values()))
    assert len(classes["train"]) >= 60
    assert len(classes["validation"]) == 16
    assert len(classes["test"]) == 32


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_held_out_class_serves_five_shots_and_fifteen_queries(pydocs: Source, split: str) -> None:
    catalogue = pydocs.catalogue(split)
    assert catalogue.sizes.min() >= 20
    assert catalogue.sizes.max() <= 30
    assert Sampler(catalogue, split, Shape(5, 5, 15), 0).left_out == ()


def test_texts_are_distinct_and_of_about_thirty_words(pydocs: Source) -> None:
    found = [pydocs.fetch(int(row)) for split in SPLITS for row in pydocs.catalogue(split).rows]
    assert len(set(found)) == len(found)
    assert all(15 <= len(text.split()) <= 30 for text in found)


def test_no_text_holds_its_class_or_a_member_that_the_files_define(pydocs: Source) -> None:
    """An independent reading: every def and class anywhere but inside functions."""
    trees: dict[str, list[ast.Module]] = {}
    for path in library_files(library()):
        name = path.parts[0].removesuffix(".py")
        if name in pydocs.catalogue("test").classes:
            trees.setdefault(name, []).append(ast.parse((library() / path).read_bytes()))
    assert len(trees) == 32
    for module, parsed in trees.items():
        blocks = [node for tree in parsed for node in tree.body]
        blocks += [inner for node in blocks if isinstance(node, ast.ClassDef) for inner in node.body]
        defined = {node.name.lower() for node in blocks if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert words_of(pydocs, module).isdisjoint((defined | {module.lower()}) - {MASK})


@pytest.mark.parametrize("name", ["configparser", "json", "queue", "textwrap", "threading"])
def test_no_text_holds_a_member_that_the_module_has_when_imported(pydocs: Source, name: str) -> None:
    module = importlib.import_module(name)
    own = {
        key: value
        for key, value in vars(module).items()
        if inspect.isclass(value) or inspect.isfunction(value)
        if value.__module__.split(".")[0] == name
    }
    members = {key for value in own.values() if inspect.isclass(value) for key in vars(value)}
    names = {key.lower() for key in own.keys() | members if not key.startswith("__")}
    assert len(names) > 3
    assert words_of(pydocs, name).isdisjoint(names)
    assert MASK in words_of(pydocs, name)


def test_the_same_again_from_the_cache(pydocs: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = [pydocs.catalogue(split).fingerprint for split in SPLITS]
    monkeypatch.setattr(source_module, "read_chunks", lambda *_: pytest.fail("the cache was not used"))
    again = make()
    assert [again.catalogue(split).fingerprint for split in SPLITS] == fingerprints
    assert [again.fetch(row) for row in range(50)] == [pydocs.fetch(row) for row in range(50)]
    assert again.catalogue("test") is again.catalogue("test")


def test_chunks_do_not_depend_on_the_order_of_sets() -> None:
    code = (
        "from kshot_text.pydocs.docstrings import library, library_files, read_chunks; "
        "files = [f for f in library_files(library()) if f.parts[0] in ('email', 'json', 'logging', 'queue.py')]; "
        "print([(c.module, c.key, c.text) for c in read_chunks(library(), files)])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert len(outputs.pop()) > 10_000


def test_a_broken_cache_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chunks = library_of(60, 20)
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path))
    monkeypatch.setattr(source_module, "read_chunks", lambda *_: chunks)
    expected = make().catalogue("test").fingerprint
    (cached,) = (tmp_path / "pydocs").iterdir()
    for content in ("", "[[1]]", '{"a": 1}', cached.read_text()[:100]):
        cached.write_text(content)
        assert make().catalogue("test").fingerprint == expected


def library_of(modules: int, chunks: int, text: str = "") -> list[Chunk]:
    return [
        Chunk(f"m{m}", f"m{m}.py#{number}", f"{text}{m}:{number}")
        for m in range(modules)
        for number in range(chunks)
    ]


def test_the_fingerprint_follows_the_text() -> None:
    """The keys are the same under every Python; what they name is not."""
    one, other = PyDocs(library_of(60, 20), 30), PyDocs(library_of(60, 20, "other "), 30)
    assert one.catalogue("test").classes == other.catalogue("test").classes
    for split in SPLITS:
        assert one.catalogue(split).fingerprint != other.catalogue(split).fingerprint


def test_a_class_keeps_its_split_by_its_name_alone() -> None:
    sizes = {f"m{number}": 20 + number for number in range(70)}
    one = split_modules(sizes)
    assert one == split_modules(dict(reversed(sizes.items())))
    assert one == split_modules(dict.fromkeys(sizes, 25))


def test_small_modules_train_only_and_smaller_ones_not_at_all() -> None:
    sizes = {**{f"m{number}": 20 for number in range(60)}, "few": 10, "fewer": 9}
    splits = split_modules(sizes)
    assert "few" in splits["train"]
    assert not any("fewer" in names for names in splits.values())


def test_a_python_without_its_sources_is_told_so() -> None:
    with pytest.raises(DataError, match=r"only 30 modules .* without its library's sources.*text_table"):
        PyDocs(library_of(30, 20), 30)
    with pytest.raises(DataError, match="only 0 modules"):
        PyDocs([], 30)


def test_a_text_is_presented_as_text(pydocs: Source) -> None:
    text = pydocs.fetch(0)
    shown = pydocs.present(text)
    assert (shown.media, shown.data.decode()) == ("text/plain", text)
