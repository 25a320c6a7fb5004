"""Shapes as a configuration writes them, as results keep them, and as tables call them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kshot.config import Evaluate, Train, check
from kshot.results import Score
from kshot.results.tables import labeller
from kshot.shapes import Each, Imbalanced, Range, Shape

WRITTEN: list[tuple[Any, Shape, str]] = [
    ("5w1s", Shape(5, 1, 15), "5w1s"),
    ("5-20w 1-10s", Shape(Range(5, 20), Range(1, 10), 15), "5-20w 1-10s"),
    ("5w1-10s each", Shape(5, Each(Range(1, 10)), 15), "5w 1-10s each"),
    ({"way": [5, 20], "shot": 1}, Shape(Range(5, 20), 1, 15), "5-20w 1s"),
    ({"way": 5, "shot": {"each": [1, 10]}, "queries": 4}, Shape(5, Each(Range(1, 10)), 4), "5w 1-10s each"),
    (
        {"way": 5, "shot": 1, "queries": {"total": 75, "dirichlet": 2}},
        Shape(5, 1, Imbalanced(75, 2.0)),
        "5w1s 75q Dirichlet 2",
    ),
    # A range of one number is that number: the episodes of the plain shape.
    ({"way": [5, 5], "shot": {"each": [2, 2]}}, Shape(5, 2, 15), "5w2s"),
    ({"way": [3, 4], "shot": [1, 2], "within": "family"}, Shape(Range(3, 4), Range(1, 2), 15, "family"), ""),
]


@pytest.mark.parametrize(("written", "shape", "name"), WRITTEN)
def test_a_shape_is_read_named_and_written_again(written: Any, shape: Shape, name: str) -> None:
    evaluate = Evaluate(shapes=[written])
    assert evaluate.all_shapes() == [shape]
    assert str(shape) == (name or "3-4w 1-2s within family")
    for again in (evaluate.model_dump(), json.loads(evaluate.model_dump_json())):
        assert Evaluate.model_validate(again) == evaluate


def test_training_shapes() -> None:
    train = Train.model_validate({"way": [3, 6], "shot": {"each": [1, 4]}, "queries": 5})
    assert train.shape == Shape(Range(3, 6), Each(Range(1, 4)), 5)
    assert Train.model_validate(train.model_dump()) == train


def test_chance_is_a_mean_over_the_ways() -> None:
    assert Shape(4, 1, 1).chance == 1 / 4
    assert Shape(Range(2, 4), 1, 1).chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"way": [20, 5]}, "way: the range [20, 5] ends before it begins; write [5, 20]"),
        ({"way": [1, 5]}, "way: input should be greater than or equal to 2 (given: 1)"),
        ({"way": [5]}, "way: a range is written [low, high]"),
        ({"shot": [0, 5]}, "shot: input should be greater than or equal to 1 (given: 0)"),
        ({"shot": {"eech": [1, 5]}}, "shot: unknown key 'eech'; did you mean 'each'?"),
        ({"shot": {"each": [5, 1]}}, "shot: the range [5, 1] ends before it begins"),
        ({"queries": [5, 15]}, "queries: the number of queries is no range"),
        ({"queries": {"total": 75}}, "queries: 'dirichlet' is missing"),
        ({"queries": {"total": 75, "dirichlet": 0}}, "queries: input should be greater than 0 (given: 0)"),
        ({"queries": {"total": 75, "dirichlet": 0.12345}}, "queries: 75 in all (Dirichlet 0.12345): needs"),
    ],
)
def test_what_is_wrong_with_a_distribution(entry: dict[str, Any], expected: str) -> None:
    base = {"name": "x", "sources": {"a": {}}, "encoders": {"image": "b"}, "learners": ["c"]}
    shape = {"way": 5, "shot": 1, **entry}
    _, problems = check({**base, "evaluate": {"shapes": [shape]}, "train": entry})
    assert len(problems) == 2
    for problem, where in zip(sorted(problems), ("evaluate.shapes.0.", "train."), strict=True):
        assert problem.startswith(where + expected), problem


def score(shape: Shape) -> Score:
    sizes = {"way": shape.way, "shot": shape.shot, "queries": shape.queries}
    return Score(**sizes, episodes=5, accuracy=0.5, chance=shape.chance)


@pytest.mark.parametrize(
    "shape", [Shape(5, 1, 15), Shape(Range(5, 20), Each(Range(1, 3)), Imbalanced(9, 0.5)), WRITTEN[1][1]]
)
def test_results_keep_a_shape(shape: Shape) -> None:
    assert Score.model_validate_json(score(shape).model_dump_json()).shape == shape


def test_queries_stand_in_a_label_where_they_tell_shapes_apart() -> None:
    from kshot.results import Cell

    shapes = [
        Shape(5, Range(1, 5), 5),
        Shape(5, Range(1, 5), 9),
        Shape(5, 1, Imbalanced(75, 2)),
        Shape(5, 1, 2),
    ]
    names = {"learner": "a", "encoder": "b", "source": "c", "modality": "image", "seed": 0}
    cell = Cell(id="x", **names, status="finished", scores=[score(shape) for shape in shapes])
    label = labeller([cell])
    assert [label(one) for one in cell.scores] == [
        "5w 1-5s 5q",
        "5w 1-5s 9q",
        "5w1s 75q Dirichlet 2",
        "5w1s",
    ]
