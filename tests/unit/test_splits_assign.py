"""From the ``split`` option to rows: disjoint, reproducible, and clear about what does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kshot.errors import DataError
from kshot.splits import ClassSplit, ColumnSplit, FileSplit, FractionSplit, assign

CLASSES = st.lists(st.text(min_size=1, max_size=6), min_size=5, max_size=40, unique=True)


def rows_of(
    split: Any,
    labels: Sequence[str | None],
    columns: Mapping[str, Sequence[str | None]] | None = None,
    folder: Path = Path(),
) -> dict[str, list[int]]:
    return {
        str(name): rows
        for name, rows in assign(
            split, labels, column=lambda name: (columns or {})[name], folder=folder, where="toy.csv"
        ).items()
    }


def classes_of(split: Any, labels: Sequence[str], **keywords: Any) -> dict[str, set[str]]:
    return {name: {labels[row] for row in rows} for name, rows in rows_of(split, labels, **keywords).items()}


@given(classes=CLASSES, seed=st.integers(-5, 5), data=st.data())
def test_fractions_are_disjoint_cover_all_and_do_not_depend_on_row_order(
    classes: list[str], seed: int, data: st.DataObject
) -> None:
    split = FractionSplit(fractions=[0.6, 0.2, 0.2], seed=seed)
    labels = classes * 2
    first = classes_of(split, labels)
    assert sorted(name for names in first.values() for name in names) == sorted(classes)
    assert classes_of(split, data.draw(st.permutations(labels))) == first
    rows = rows_of(split, labels)
    assert sorted(row for one in rows.values() for row in one) == list(range(len(labels)))
    for name, fraction in zip(("train", "validation", "test"), split.fractions, strict=True):
        assert abs(len(first[name]) - fraction * len(classes)) <= 1


def test_fractions_are_the_same_on_every_machine() -> None:
    # The order of `sha256("0:a")`, `sha256("0:b")`, …, told by sha256sum.
    split = classes_of(None, list("abcdefghij"))
    assert split == {"train": set("hfgdja"), "validation": set("ic"), "test": set("be")}
    assert classes_of(FractionSplit(seed=1), list("abcdefghij")) != split


def test_fractions_of_one_split_alone_take_all_classes() -> None:
    split = classes_of(FractionSplit(fractions=[1, 0, 0]), ["a", "b"])
    assert split["train"] == {"a", "b"}
    assert not split["validation"]
    assert not split["test"]


def test_all_classes_may_test() -> None:
    asked = (FractionSplit(fractions=[0, 0, 1]), ClassSplit(test=["a", "b"]))
    for split in asked:
        assert classes_of(split, ["a", "b", "a"]) == {"train": set(), "validation": set(), "test": {"a", "b"}}


def test_fractions_without_validation() -> None:
    split = classes_of(FractionSplit(fractions=[0.5, 0, 0.5]), list("abcd"))
    assert [len(names) for names in split.values()] == [2, 0, 2]


@pytest.mark.parametrize("labels", [[], ["a"], ["a", "b"]])
def test_too_few_classes_for_fractions(labels: list[str]) -> None:
    with pytest.raises(DataError, match=rf"toy\.csv: {len(labels)} classes are too few for fractions"):
        rows_of(None, labels)


def test_class_lists_leave_the_rest_out() -> None:
    split = ClassSplit(train=["a", "b"], test=["d"])
    assert rows_of(split, ["a", "b", "c", "d", None, "a"]) == {
        "train": [0, 1, 5],
        "validation": [],
        "test": [3],
    }


def test_unknown_class_is_named_with_its_neighbour() -> None:
    with pytest.raises(
        DataError,
        match=r"toy\.csv: the split lists .*: whael \(they have 2: cat, whale\); did you mean 'whale'",
    ):
        rows_of(ClassSplit(train=["whael"], test=["cat"]), ["whale", "cat"])


def test_overlapping_class_lists_are_named_with_their_splits() -> None:
    split = ClassSplit(train=["a", "b"], validation=["b", "c"], test=["c", "d"])
    with pytest.raises(DataError) as caught:
        rows_of(split, list("abcd"))
    assert "train and validation share 'b'; validation and test share 'c'" in str(caught.value)
    assert "put each into one of them" in str(caught.value)


def test_column_values_decide_and_others_are_left_out() -> None:
    part = ["train", "val", "test", "test_other", None, "train"]
    rows = rows_of(
        ColumnSplit(column="part", validation=["val"]), ["a", "b", "c", "d", "e", "a"], {"part": part}
    )
    assert rows == {"train": [0, 5], "validation": [1], "test": [2]}


@pytest.mark.parametrize("usual", ["val", "valid", "dev", "validation", "Val"])
def test_usual_names_of_splits_are_found(usual: str) -> None:
    rows = rows_of(ColumnSplit(column="part"), list("abc"), {"part": ["Training", usual, "testing"]})
    assert rows == {"train": [0], "validation": [1], "test": [2]}


def test_a_value_given_to_one_split_is_not_found_for_another() -> None:
    split = ColumnSplit(column="part", test=["val"])
    assert rows_of(split, list("ab"), {"part": ["train", "val"]}) == {
        "train": [0],
        "validation": [],
        "test": [1],
    }


def test_several_values_for_one_split() -> None:
    split = ColumnSplit(column="fold", train=["1", "2"], validation=["3"], test=["4"])
    rows = rows_of(split, list("abcd"), {"fold": list("1234")})
    assert rows == {"train": [0, 1], "validation": [2], "test": [3]}


def test_missing_default_value_of_a_column() -> None:
    with pytest.raises(DataError) as caught:
        rows_of(ColumnSplit(column="part"), list("ab"), {"part": ["background", "test"]})
    assert str(caught.value) == (
        "toy.csv: column 'part' has no value 'train' (it has: background, test); "
        "say which stands for it: {column: part, train: …}"
    )


def test_missing_given_value_of_a_column() -> None:
    with pytest.raises(
        DataError, match=r"no value 'valdi', asked for as validation \(it has: .*did you mean 'valid'"
    ):
        rows_of(
            ColumnSplit(column="part", validation=["valdi"]),
            list("abc"),
            {"part": ["train", "valid", "test"]},
        )


def test_a_column_that_splits_examples_instead_of_classes() -> None:
    with pytest.raises(DataError) as caught:
        rows_of(
            ColumnSplit(column="part"), ["a", "a", "b", "c"], {"part": ["train", "test", "train", "test"]}
        )
    assert "train and test share 'a'; column 'part' does not split classes" in str(caught.value)


def test_published_split_of_a_table() -> None:
    with pytest.raises(
        DataError, match=r"toy\.csv: no published split 'vinyals' .*; a split is \{column: name\}"
    ):
        rows_of("vinyals", list("abc"))


FOLDS = {
    "01": {"train": ["a"], "valid": ["b"], "test": ["c"]},
    "02": {"train": ["c"], "dev": ["a"], "test": ["b"]},
}


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    path = tmp_path / "folds.json"
    path.write_text(json.dumps(FOLDS), encoding="utf-8")
    return path


def test_folds_in_a_file(folds: Path) -> None:
    second = classes_of(FileSplit(file=str(folds), fold="02"), list("abcd"))
    assert second == {"train": {"c"}, "validation": {"a"}, "test": {"b"}}


def test_file_is_looked_for_here_and_then_beside_the_table(
    folds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = classes_of(FileSplit(file="folds.json", fold="01"), list("abc"), folder=tmp_path)
    assert beside["train"] == {"a"}
    here = tmp_path / "here"
    here.mkdir()
    (here / "folds.json").write_text(json.dumps(FOLDS["02"] | {"remark": "flat"}), encoding="utf-8")
    monkeypatch.chdir(here)
    assert classes_of(FileSplit(file="folds.json"), list("abc"), folder=tmp_path)["train"] == {"c"}


def test_a_file_that_a_package_brings(folds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "sayings_splits"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    folds.rename(package / "lists.json")
    monkeypatch.syspath_prepend(str(package.parent))
    chosen = FileSplit(file="sayings_splits:lists.json", fold="01")
    assert classes_of(chosen, list("abc"))["test"] == {"c"}
    with pytest.raises(DataError, match=r"the split's file sayings_splts:lists\.json is neither"):
        rows_of(FileSplit(file="sayings_splts:lists.json"), list("abc"))


def test_a_files_classes_are_found_in_the_datas_spelling(tmp_path: Path) -> None:
    path = tmp_path / "lists.json"
    path.write_text(json.dumps({"train": ["alarm/set", "Refund_shown?"], "test": ["a_b"]}))
    names = ["alarm_set", "refund shown", "a_b", "a b"]
    found = classes_of(FileSplit(file=str(path)), names)
    assert found == {"train": {"alarm_set", "refund shown"}, "validation": set(), "test": {"a_b"}}
    with pytest.raises(DataError, match=r"lists classes that the data do not have: a_b"):
        rows_of(FileSplit(file=str(path)), ["alarm set", "refund shown", "a b", "a/b"])


def test_a_file_may_leave_out_training_classes(folds: Path) -> None:
    folds.write_text(json.dumps({"test": ["b"]}), encoding="utf-8")
    found = classes_of(FileSplit(file=str(folds)), list("abc"))
    assert found == {"train": set(), "validation": set(), "test": {"b"}}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"train": ["train", "validation"]}, {"train": {"c", "a"}, "validation": set(), "test": {"b"}}),
        ({"test": ["validation"]}, {"train": {"c"}, "validation": set(), "test": {"a"}}),
    ],
)
def test_lists_of_a_file_may_be_joined_and_serve_as_others(
    asked: Any, found: dict[str, set[str]], folds: Path
) -> None:
    assert classes_of(FileSplit(file=str(folds), fold="02", **asked), list("abcd")) == found


def test_a_list_that_a_file_does_not_have(folds: Path) -> None:
    folds.write_text(json.dumps({"test": ["b"]}), encoding="utf-8")
    with pytest.raises(DataError, match=r"no list 'validation', asked for as train \(it has: test\)"):
        rows_of(FileSplit(file=str(folds), train=["validation"]), list("abc"))


@pytest.mark.parametrize(
    ("content", "fold", "message"),
    [
        (FOLDS, None, r"several folds; name one of them as `fold`: 01, 02"),
        (FOLDS, "1", r"no fold '1' \(it has: 01, 02\); did you mean '01'"),
        (FOLDS["01"], "01", r"no folds; leave `fold: 01` out"),
        ([1], None, r"found a list"),
        ({"train": ["a"], "tset": ["b"]}, None, r"key 'tset' does not fit"),
        ({"train": ["a"], "test": "b"}, None, r"key 'test' does not fit"),
        ({"train": ["a"], "test": [["b"]]}, None, r"key 'test' does not fit"),
        ({"train": ["a"]}, None, r"no classes for test"),
        ({"train": ["a"], "test": ["z"]}, None, r"folds\.json lists classes that the data do not have: z"),
        ({"train": ["a"], "test": ["a"]}, None, r"train and test share 'a'"),
    ],
)
def test_files_that_do_not_fit(folds: Path, content: Any, fold: str | None, message: str) -> None:
    folds.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        rows_of(FileSplit(file=str(folds), fold=fold), list("abc"))


def test_unreadable_and_missing_files(folds: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"fold\.json is neither in the current folder nor in .*did you mean 'folds\.json'"
    ):
        rows_of(FileSplit(file="fold.json"), list("abc"), folder=tmp_path)
    folds.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"folds\.json: cannot be read as JSON"):
        rows_of(FileSplit(file=str(folds)), list("abc"))


def test_splits_do_not_import_torch() -> None:
    code = "import sys, kshot.splits; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
