"""A configuration in several files: what merges, what replaces, and mistakes with the chain of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from kshot.config import read
from kshot.errors import ConfigurationError


def write(folder: Path, **files: str) -> Path:
    """The files, by their names without suffix; the path of the first."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / f"{next(iter(files))}.yaml"


def message(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    return str(caught.value)


def test_mappings_merge_lists_and_scalars_replace_and_null_removes(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="""
            include: base.yaml
            seeds: [7]
            train: {episodes: 3, clip: null}
            sources: {glyphs: {train: {way: 5}}, voices: null, pydocs: null}
        """,
        base="""
            name: base
            seeds: [0, 1, 2]
            train: {episodes: 9, clip: 1.0, schedule: cosine}
            sources: {glyphs: {train: {shot: 2}}, voices: {}}
        """,
    )
    assert read(path) == {
        "name": "base",
        "seeds": [7],
        "train": {"episodes": 3, "schedule": "cosine"},
        # pydocs was in no included file, so that it means the source of that name
        "sources": {"glyphs": {"train": {"shot": 2, "way": 5}}, "pydocs": None},
    }


def test_later_files_go_on_top_of_earlier_ones_and_names_are_relative_to_their_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="include: [parts/one.yaml, parts/two.yaml]\nd: top",
        parts__one="{a: one, b: one, c: one, d: one}",
        parts__two="include: deep/three.yaml\nb: two",
        parts__deep__three="{b: three, c: three}",
    )
    assert read(path) == {"a": "one", "b": "two", "c": "three", "d": "top"}


def test_one_file_may_be_included_by_two(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="include: [a.yaml, b.yaml]",
        a="include: base.yaml",
        b="include: base.yaml",
        base="name: x",
    )
    assert read(path) == {"name": "x"}


def test_set_comes_after_all_files(tmp_path: Path) -> None:
    path = write(tmp_path, top="include: base.yaml\ntrain: {way: 6}", base="train: {way: 5, shot: 1}")
    assert read(path, ["train.shot=3", "train.way=7"]) == {"train": {"way": 7, "shot": 3}}


def test_a_circle_shows_its_chain(tmp_path: Path) -> None:
    path = write(
        tmp_path, top="include: a.yaml", a="include: b.yaml", b=f"include: ../{tmp_path.name}/a.yaml"
    )
    text = message(path)
    assert "include goes in a circle: " in text
    assert " → ".join(str(tmp_path / name) for name in ("top.yaml", "a.yaml", "b.yaml")) in text
    assert "in a circle" in message(write(tmp_path, alone="include: alone.yaml"))


def test_all_that_is_wrong_with_included_files_is_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        top="include: [bsae.yaml, list.yaml, broken.yaml, deeper.yaml]",
        base="name: x",
        list="[1, 2]",
        broken="a: [",
        deeper="include: 3",
    )
    text = message(path)
    assert text.startswith(f"{path}: 4 problems")
    assert f"{tmp_path / 'bsae.yaml'}: no such file; did you mean 'base.yaml'? (included by {path})" in text
    assert f"{tmp_path / 'list.yaml'}: a configuration is a mapping" in text
    assert f"{tmp_path / 'broken.yaml'}: not valid YAML" in text
    assert (
        f"{tmp_path / 'deeper.yaml'}: include: write the name of a file, or a list of names (given: 3)"
        in text
    )


def test_a_tilde_is_the_home_folder_as_in_paths_of_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = write(
        tmp_path,
        top="""
            include: ~/shared/base.yaml
            name: top
        """,
        home__shared__base="""
            name: base
            sources: {glyphs: {}}
            encoders: {image: pixels}
            learners: [prototypical]
        """,
    )
    raw = read(path)
    assert (raw["name"], raw["sources"]) == ("top", {"glyphs": {}})
    (tmp_path / "top.yaml").write_text("include: ~nobody-of-this-name/base.yaml")
    assert "no such file" in message(path)
