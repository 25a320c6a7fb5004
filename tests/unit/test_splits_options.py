"""The forms of the ``split`` option and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import pytest
from kshot.splits import ClassSplit, ColumnSplit, FileSplit, FractionSplit, SplitOptions, rule_of
from pydantic import BaseModel, ValidationError


class Options(BaseModel):
    split: SplitOptions | None = None


def parse(value: Any) -> Any:
    return Options.model_validate({"split": value}).split


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ("vinyals", "vinyals"),
        ({"column": "part"}, ColumnSplit(column="part")),
        ({"column": "part", "validation": "val"}, ColumnSplit(column="part", validation=["val"])),
        (
            {"column": "fold", "train": [1, 2], "test": 3},
            ColumnSplit(column="fold", train=["1", "2"], test=["3"]),
        ),
        (
            {"column": "seen", "train": True, "test": False},
            ColumnSplit(column="seen", train=["true"], test=["false"]),
        ),
        ({"train": ["a", 7], "test": ["b"]}, ClassSplit(train=["a", "7"], validation=[], test=["b"])),
        ({"file": "folds.json", "fold": "01"}, FileSplit(file="folds.json", fold="01")),
        ({"file": "folds.json"}, FileSplit(file="folds.json")),
        (
            {"file": "folds.json", "train": ["train", "Valid"], "test": "test"},
            FileSplit(file="folds.json", train=["train", "validation"], test=["test"]),
        ),
        ({"seed": 3}, FractionSplit(fractions=[0.6, 0.2, 0.2], seed=3)),
        ({"fractions": [0.5, 0, 0.5]}, FractionSplit(fractions=[0.5, 0.0, 0.5], seed=0)),
        (FractionSplit(seed=4), FractionSplit(seed=4)),
    ],
)
def test_every_form_is_read(written: Any, read: Any) -> None:
    assert parse(written) == read


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("vinyals", "vinyals"),
        ({"column": "part"}, "by the column 'part'"),
        (
            {"column": "part", "validation": "val", "test": [1, 2]},
            "by the column 'part' (validation: val; test: 1, 2)",
        ),
        ({"train": ["a", "b"], "test": ["c"]}, "by lists of classes (2 / 0 / 1)"),
        ({"file": "folds.json"}, "by the file folds.json"),
        ({"file": "folds.json", "fold": "01"}, "by the file folds.json, fold 01"),
        (
            {"file": "folds.json", "train": ["train", "val"]},
            "by the file folds.json (train: train, validation)",
        ),
        ({"seed": 3}, "classes drawn at random (0.6 / 0.2 / 0.2, seed 3)"),
    ],
)
def test_every_form_tells_its_rule(written: Any, rule: str) -> None:
    assert rule_of(parse(written)) == rule


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        ({"collumn": "part"}, ("split",), "unknown key 'collumn'; did you mean 'column'?"),
        (
            {"train": ["a"], "val": ["b"], "test": ["c"]},
            ("split",),
            "unknown key 'val'; did you mean 'validation'?",
        ),
        ({"column": "part", "file": "f.json"}, ("split",), "takes one form"),
        ({"fractions": [1, 0, 0], "train": ["a"]}, ("split",), "train cannot stand beside fractions"),
        ({}, ("split",), "got the keys: none"),
        (3, ("split",), "a split is {column: name}, {train: [class, …]"),
        (["a"], ("split",), "or the name of a published split"),
        ({"fold": "01"}, ("split", "file"), "Field required"),
        ({"train": ["a"]}, ("split", "test"), "Field required"),
        ({"train": "a", "test": ["b"]}, ("split", "train"), "valid list"),
        ({"train": ["a"], "test": []}, ("split", "test"), "at least 1 item"),
        ({"train": [True], "test": ["b"]}, ("split", "train", 0), "write it in quotes"),
        ({"train": [1.5], "test": ["b"]}, ("split", "train", 0), "valid string"),
        ({"fractions": [0.5, 0.5]}, ("split", "fractions"), "at least 3 items"),
        ({"fractions": [0.5, 0.2, 0.2]}, ("split",), "sum to 1"),
        ({"fractions": [0.0, 1.0, 0.0]}, ("split",), "leave classes to train or to test on"),
        ({"fractions": [-0.5, 0.5, 1.0]}, ("split",), "0 or more"),
        ({"fractions": [1.0, float("nan"), 0.5]}, ("split",), "sum to 1"),
        ({"seed": 1.5}, ("split", "seed"), "valid integer"),
        ({"column": "part", "train": "a", "test": ["a"]}, ("split",), "'a' stands for both train and test"),
        (
            {"file": "f.json", "train": "val", "test": "dev"},
            ("split",),
            "'validation' stands for both train and test",
        ),
        (
            {"file": "f.json", "train": ["train", "cat"]},
            ("split", "train"),
            "a file's lists are train, validation, test; it has no 'cat'",
        ),
    ],
)
def test_one_message_at_one_place(written: Any, place: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(written)
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert message in error["msg"]
