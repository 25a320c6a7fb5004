"""Configurations that ask for too much, for what is elsewhere, or for code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import strategies as st

from .forms import damaged, forms
from .harness import ROOT, Victim

SMALL = "name: x\nsources: {glyphs: {}}\nencoders: {image: conv4}\nlearners: prototypical\n"
_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
_SWEEPS = ", ".join(f"o{n}: {{grid: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}" for n in range(9))

CONFIGURATIONS = {
    "billion laughs": (_LAUGHS, "each alias (*name) counted"),
    "merged": ("a: &a {x: 1}\nb: {<<: *a}\n", "not valid YAML"),
    "deep lists": ("[" * 20_000, "too deep in others"),
    "deep mappings": ("a:" + "{a: " * 20_000, "too deep in others"),
    "of itself": ("a: &a [*a]\n", "contains itself"),
    "thousands of digits": ("seeds: [" + "9" * 5000 + "]\n", "not valid YAML"),
    "thousands of hexadecimal digits": ("seeds: [0x" + "f" * 5000 + "]\n", "up to 63 are read"),
    "sixties": ("seeds: [!!int 1" + ":59" * 9000 + "]\n", "up to 63 are read"),
    "a word of sixties": ("seeds: [1" + ":59" * 9000 + "]\n", "valid integer"),
    "a tag of numbers": ("name: !!int ''\n", "does not fit the tag"),
    "a tag of truth": ("name: !!bool maybe\n", "does not fit the tag"),
    "a tag of time": ("name: !!timestamp x\n", "does not fit the tag"),
    "a tag of code": (
        "name: !!python/object/apply:os.system ['true']\n",
        "could not determine a constructor",
    ),
    "a megabyte": ("name: " + "x" * 1_000_000 + "\n", "up to 262,144 are read"),
    "no end": ("include: /dev/zero\n", "up to 262,144 are read"),
    "a NUL": ('include: "a\\0b"\n', "write the name of a file"),
    "a thousand million variants": (SMALL.replace("prototypical", f"{{use: maml, {_SWEEPS}}}"), "variants"),
    "a key twice": (SMALL + "name: y\n", "stands twice"),
    "wrong kinds": (SMALL.replace("conv4", "[[1], {}]").replace("{}}", "7}"), "problem"),
    "not a number": (SMALL + "train: {way: .nan, episodes: .inf}\n", "valid integer"),
    "half a character": (SMALL.replace("x", '"\\ud800"', 1), "name"),
    "3,000 unknown keys": (SMALL + "".join(f"k{n}: 1\n" for n in range(3000)), "more"),
    "results elsewhere": (SMALL.replace("x", "../../x", 1), "another place is chosen by --out"),
    "results anywhere": (SMALL.replace("x", "/tmp/x", 1), "another place is chosen by --out"),
    "results above": (SMALL.replace("x", "'..'", 1), "another place is chosen by --out"),
}


def _put(victim: Victim, content: str | bytes, name: str = "given.yaml") -> str:
    path = victim.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations(victim: Victim, name: str) -> None:
    content, reason = CONFIGURATIONS[name]
    ending = victim.ends_well("configuration", path=_put(victim, content))
    assert ending.end == "refused"
    assert reason in ending.message


def test_the_command_line_says_it_in_one_message(victim: Victim) -> None:
    for content, _ in CONFIGURATIONS.values():
        ending = victim.ends_well("command", arguments=["check", _put(victim, content)])
        assert ending.value["code"] == 2
        assert ending.value["err"].startswith("kshot: ")


def test_files_that_include_one_another_many_times(victim: Victim) -> None:
    _put(victim, "x: 1\n", "level0.yaml")
    for level in range(1, 15):
        _put(victim, f"include: [{', '.join([f'level{level - 1}.yaml'] * 3)}]\n", f"level{level}.yaml")
    ending = victim.ends_well("configuration", path=str(victim.folder / "level14.yaml"))
    assert "more than 100 files" in ending.message


def test_a_split_imports_no_module(victim: Victim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package on the path that would tell if it ran."""
    package = tmp_path / "told_by_name"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('ran').touch()\n"
    )
    (package / "split.json").write_text('{"train": ["a"], "test": ["b"]}')
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    own = Victim(victim.folder)
    try:
        table = _put(victim, "text,label\nx,a\ny,b\n", "two.csv")
        split = {"file": "told_by_name:split.json"}
        assert own.ends_well("table", modality="text", path=table, split=split).end == "fine"
        assert (
            own.ends_well("table", modality="text", path=table, split={"file": "told_by_name:../../x"}).end
            == "refused"
        )
    finally:
        own.stop()
    assert not (package / "ran").exists()


def test_class_lists_that_nest_deep(victim: Victim) -> None:
    table = _put(victim, "text,label\nx,a\ny,b\n", "two.csv")
    split = {"file": _put(victim, "[" * 100_000, "deep.json")}
    assert (
        "cannot be read as JSON"
        in victim.ends_well("table", modality="text", path=table, split=split).message
    )


_SOUND = [
    SMALL.encode(),
    (ROOT / "configs" / "quickstart.yaml").read_bytes(),
    b"name: &n [1, *n]\n? {a: b}\n: !!set {x, y}\n--- \n%YAML 1.1\n",
    b"seeds: [0x10, 0b1, 1_000, 1:30, 2020-01-01, ~, .inf, !!binary aGk=, !!omap [a: 1]]\n",
]
_ODD = """1 -1 99999999999999 1e999 .nan null true '' [] {} 5w1s 999999w1s '../..' '\\0' 2020-99-99 *none ~
{grid:[]} [[]] {grid:[1,a,{}]} "\\u202e" !!float"""
_NAMED = """name seeds sources encoders learners pretrain train evaluate loading leave_out include use way shot shapes
queries episodes seed id image split path"""
_SCALARS, _KEYS = (st.sampled_from(one.split()) for one in (_ODD, _NAMED))


def _mapping(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


_WRITTEN = st.recursive(
    _SCALARS, lambda one: st.dictionaries(_KEYS, one, max_size=4).map(_mapping), max_leaves=8
)


@forms(12, 600, content=damaged(_SOUND))
def damaged_files(victim: Victim, content: bytes) -> None:
    victim.ends_well("configuration", path=_put(victim, content))


@forms(
    15, 900, parts=st.dictionaries(_KEYS, _WRITTEN, max_size=4), override=st.tuples(_KEYS, _KEYS, _SCALARS)
)
def odd_values(victim: Victim, parts: dict[str, str], override: tuple[str, str, str]) -> None:
    given = {
        "name": "x",
        "sources": "{glyphs: {}}",
        "encoders": "{image: conv4}",
        "learners": "prototypical",
        **parts,
    }
    content = "".join(f"{key}: {value}\n" for key, value in given.items())
    first, second, value = override
    overrides = [f"{first}.{second}={value}"] if len(parts) % 2 else []
    victim.ends_well("configuration", path=_put(victim, content), overrides=overrides)


test_damaged_files, test_damaged_files_at_length = damaged_files
test_odd_values, test_odd_values_at_length = odd_values
