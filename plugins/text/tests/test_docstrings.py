"""Chunks of a small library made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from kshot_text.pydocs.docstrings import MASK, Chunk, library_files, masked, read_chunks


def sentence(tag: str, words: int) -> str:
    return " ".join(f"{tag}{number}" for number in range(words))


def write(root: Path, files: dict[str, str]) -> list[Chunk]:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return read_chunks(root, library_files(root))


def test_docstrings_of_a_file_run_on_in_order(tmp_path: Path) -> None:
    code = f'"""{sentence("m", 10)}"""\nclass C:\n    """{sentence("c", 10)}"""\n    def f(self):\n'
    code += f'        """{sentence("f", 5)}"""\n        def inner():\n            """{sentence("i", 20)}"""\n'
    chunks = write(tmp_path, {"mod.py": code})
    words = " ".join(sentence(*run) for run in (("m", 10), ("c", 10), ("f", 5), ("i", 20))).split()
    assert chunks == [
        Chunk("mod", "mod.py#0", " ".join(words[:30])),
        Chunk("mod", "mod.py#1", " ".join(words[30:])),
    ]


def test_a_short_rest_is_dropped(tmp_path: Path) -> None:
    chunks = write(tmp_path, {"mod.py": f'"""{sentence("w", 44)}"""'})
    assert [len(chunk.text.split()) for chunk in chunks] == [30]


def test_names_are_masked_across_a_package(tmp_path: Path) -> None:
    code = '__all__ = ["listed"]\nLIMIT: int = 3\n'
    code += "try:\n    import x\nexcept ImportError as problem:\n    fallback = None\n"
    code += "class Reader:\n    field = 1\n    def read(self):\n        hidden = 2\n"
    text = (
        f"{sentence('w', 12)} parcel Parcel test_parcel inner listed Limit fallback reader FIELD read hidden"
    )
    chunks = write(tmp_path, {"parcel/__init__.py": f'"""{text}"""', "parcel/inner.py": code})
    assert [chunk.text for chunk in chunks] == [f"{sentence('w', 12)}{f' {MASK}' * 10} hidden"]


def test_masking_keeps_words_that_only_contain_a_name() -> None:
    assert (
        masked("coder decode code.py code's CODE", "code", set()) == f"coder decode {MASK}.py {MASK}'s {MASK}"
    )


def test_what_does_not_belong_to_the_library_is_left_out(tmp_path: Path) -> None:
    long = '"""{}"""'
    files = {
        f"{folder}/m.py": long.format(sentence(f"x{n}y", 30))
        for n, folder in enumerate(
            ("test", "site-packages/p", "p/tests", "idlelib", "config-3.11", "_private")
        )
    }
    chunks = write(tmp_path, {**files, "good.py": long.format(sentence("w", 30))})
    assert {chunk.module for chunk in chunks} == {"good"}


def test_the_python_twin_of_a_c_module_is_that_module(tmp_path: Path) -> None:
    chunks = write(tmp_path, {"_pydecimal.py": f'"""{sentence("w", 30)} decimal"""'})
    assert [chunk.module for chunk in chunks] == ["decimal"]


def test_shared_docstrings_belong_to_nobody_and_repeats_count_once(tmp_path: Path) -> None:
    shared, own = f'"""{sentence("s", 30)}"""', f'"""{sentence("o", 30)}"""'
    code = f"{own}\ndef f():\n    {shared}\ndef g():\n    {own}\n"
    chunks = write(tmp_path, {"a.py": code, "b.py": shared})
    assert [(chunk.module, chunk.text) for chunk in chunks] == [("a", sentence("o", 30))]


def test_chunks_that_masking_makes_equal_belong_to_nobody(tmp_path: Path) -> None:
    files = {f"{name}.py": f'"""{sentence("w", 29)} {name}"""' for name in ("one", "two")}
    assert write(tmp_path, files) == []


def test_files_of_another_python_and_invalid_escapes_do_no_harm(tmp_path: Path) -> None:
    files = {"old.py": "print 'no'", "odd.py": f'"""{sentence("w", 30)}"""\nx = "\\d"\n'}
    assert [chunk.module for chunk in write(tmp_path, files)] == ["odd"]


def test_nothing_is_imported(tmp_path: Path) -> None:
    code = f'"""{sentence("w", 30)}"""\nraise SystemExit("imported")\n'
    assert len(write(tmp_path, {"bomb.py": code})) == 1


@pytest.mark.parametrize("name", ["CamelCase", "camelcase", "CAMELCASE"])
def test_case_does_not_matter(name: str) -> None:
    assert masked(name, "module", {"camelcase"}) == MASK
