"""Options are read from a factory's signature and checked strictly."""

from __future__ import annotations

import datetime
import enum
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kshot.errors import ConfigurationError, PluginError
from kshot.options import OptionsOf
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from nowhere import Unknown


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    column: str
    validation: str = "validation"


class Drawn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    fractions: tuple[float, float, float]
    seed: int = 0


class Pool(enum.Enum):
    MEAN = "mean"
    MAX = "max"


def factory(
    encoder: Unknown,
    path: str | list[str],
    *,
    way: int,
    steps: int = 5,
    rate: float = 0.1,
    order: Literal[1, 2] = 2,
    distance: Literal["euclidean", "cosine"] = "euclidean",
    limit: int | None = None,
    learn: bool = False,
    widths: list[int] | None = None,
    kernel: tuple[int, int] = (3, 3),
    folder: Path = Path("here"),
    pool: Pool = Pool.MEAN,
    split: Named | Drawn | None = None,
    weights: dict[str, float] | None = None,
    positive: Annotated[int, Field(gt=0)] = 1,
    model_name: str = "x",
    copy: bool = True,
) -> Unknown:
    raise AssertionError("never called")


OPTIONS = OptionsOf(factory)


def problems(**values: Any) -> list[str]:
    """Problems of a call that is right but for ``values``."""
    return OPTIONS.problems({"path": "a", **values}, "learners[1]")


def test_reserved_arguments_are_no_options_whatever_their_annotation():
    assert OPTIONS.names[:3] == ("path", "steps", "rate")
    assert not {"encoder", "way"} & set(OPTIONS.names)
    assert problems(way=5) == ["learners[1].way: is given by the run itself and is no option"]


@pytest.mark.parametrize(
    ("name", "value", "given"),
    [
        ("path", ["a", "b"], ["a", "b"]),
        ("steps", 7, 7),
        ("rate", 3, 3.0),
        ("order", 1, 1),
        ("limit", None, None),
        ("kernel", [1, 2], (1, 2)),
        ("folder", "there", Path("there")),
        ("pool", "max", Pool.MAX),
        ("split", {"column": "split"}, Named(column="split")),
        ("split", {"fractions": [0.6, 0.2, 0.2], "seed": 3}, Drawn(fractions=(0.6, 0.2, 0.2), seed=3)),
        ("weights", {"a": 1}, {"a": 1.0}),
        ("model_name", "y", "y"),
        ("copy", False, False),
    ],
)
def test_right_values_reach_the_factory_in_the_types_it_asks_for(name, value, given):
    assert problems(**{name: value}) == []
    resolved = OPTIONS.resolve({"path": "a", name: value})
    assert resolved.arguments[name] == given
    assert type(resolved.arguments[name]) is type(given)


def test_defaults_are_filled_in_and_the_record_is_plain_json():
    resolved = OPTIONS.resolve({"path": "a", "split": {"column": "split"}})
    assert resolved.arguments["kernel"] == (3, 3)
    assert resolved.arguments["folder"] == Path("here")
    assert json.loads(json.dumps(resolved.record)) == resolved.record
    assert resolved.record["kernel"] == [3, 3]
    assert resolved.record["folder"] == "here"
    assert resolved.record["pool"] == "mean"
    assert resolved.record["split"] == {"column": "split", "validation": "validation"}
    assert list(resolved.record) == list(OPTIONS.names)


def test_a_record_gives_the_same_options_again():
    first = OPTIONS.resolve(
        {"path": "a", "split": {"column": "s"}, "kernel": [1, 2], "rate": 1, "pool": "max"}
    )
    assert OPTIONS.resolve(first.record) == first


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", "5", "learners[1].steps: should be an integer (given: '5')"),
        ("steps", True, "learners[1].steps: should be an integer (given: True)"),
        ("steps", 5.0, "learners[1].steps: should be an integer (given: 5.0)"),
        ("steps", None, "learners[1].steps: should be an integer (given: null)"),
        ("rate", "x", "learners[1].rate: should be a number (given: 'x')"),
        ("order", 3, "learners[1].order: should be 1 or 2 (given: 3)"),
        ("limit", 2.5, "learners[1].limit: should be an integer or null (given: 2.5)"),
        ("learn", "yes", "learners[1].learn: should be true or false (given: 'yes')"),
        ("path", 3, "learners[1].path: should be text or a list (each text) (given: 3)"),
        ("path", [3], "learners[1].path[0]: should be text (given: 3)"),
        ("positive", 0, "learners[1].positive: should be greater than 0 (given: 0)"),
        ("weights", {"a": "b"}, "learners[1].weights.a: should be a number (given: 'b')"),
        ("pool", "min", "learners[1].pool: should be 'mean' or 'max' (given: 'min')"),
        (
            "distance",
            "cosin",
            "learners[1].distance: should be 'euclidean' or 'cosine';"
            " did you mean 'cosine'? (given: 'cosin')",
        ),
        (
            "split",
            3,
            "learners[1].split: should be a mapping with column, validation"
            " or a mapping with fractions, seed or null (given: 3)",
        ),
        ("split", {"column": 3}, "learners[1].split.column: should be text (given: 3)"),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_what_is_allowed(name, value, expected):
    assert problems(**{name: value}) == [expected]


def test_an_unknown_option_gets_the_nearest_match():
    (problem,) = problems(stepps=3)
    assert problem.startswith(
        "learners[1].stepps: unknown option; did you mean 'steps'? (options: path, steps,"
    )


def test_of_a_union_only_the_closest_form_is_explained():
    assert problems(split={"column": "split", "validatoin": "val"}) == [
        "learners[1].split.validatoin: unknown key; did you mean 'validation'? (known: column, validation)"
    ]


def test_all_problems_are_told_at_once():
    found = OPTIONS.problems({"steps": "5", "widths": [1, "2", None], "nothing": 1}, "")
    assert [line.split(":")[0] for line in found] == ["nothing", "path", "steps", "widths[1]", "widths[2]"]
    assert found[1] == "path: is missing; should be text or a list (each text)"
    with pytest.raises(ConfigurationError, match="5 problems"):
        OPTIONS.resolve({"steps": "5", "widths": [1, "2", None], "nothing": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime.date(2020, 1, 1)])
def test_what_json_cannot_hold_is_refused(value):
    (problem,) = problems(rate=value)
    assert problem.startswith("learners[1].rate: should be a number")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(SCALARS, st.lists, max_leaves=5) | st.dictionaries(st.text(), SCALARS))
def test_any_value_is_either_taken_or_explained_in_one_line(value):
    for name in OPTIONS.names:
        for problem in problems(**{name: value}):
            assert problem.startswith(f"learners[1].{name}")


@dataclass
class Learner:
    encoder: Any
    scale: float | None = None


class Inherited(Learner):
    pass


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@decorated
def wrapped(*, depth: int = 1) -> None:
    del depth


@pytest.mark.parametrize(("callee", "name"), [(Learner, "scale"), (Inherited, "scale"), (wrapped, "depth")])
def test_classes_and_wrapped_functions_are_read_too(callee, name):
    assert OptionsOf(callee).names == (name,)


def any_keywords(**options: int) -> None: ...
def any_arguments(*options: int) -> None: ...
def bare(size=3) -> None: ...
def unknown(*, size: Unknown = 3) -> None: ...
def no_configuration(*, size: pytest.MonkeyPatch | None = None) -> None: ...
def by_position(size: int, /) -> None: ...


@pytest.mark.parametrize(
    ("callee", "expected"),
    [
        (any_keywords, "any_keywords takes **options"),
        (any_arguments, r"any_arguments takes *options"),
        (bare, "bare does not annotate its argument 'size'"),
        (unknown, "annotates 'size' in a way that cannot be read: name 'Unknown' is not defined"),
        (no_configuration, "annotates 'size' as pytest.MonkeyPatch | None, which no configuration can hold"),
        (by_position, "takes 'size' by position only"),
    ],
)
def test_a_signature_that_cannot_be_checked_is_its_authors_error(callee, expected):
    with pytest.raises(PluginError) as caught:
        OptionsOf(callee)
    assert expected in str(caught.value)


def test_a_default_that_its_annotation_forbids_is_its_authors_error():
    def wrong(*, size: int = "three") -> None: ...  # pyright: ignore

    with pytest.raises(PluginError, match="has the default 'three' for 'size', which is not an integer"):
        OptionsOf(wrong).resolve({})


def test_a_default_of_none_needs_an_annotation_that_says_so():
    """Its record would not give the same options again."""

    def wrong(*, size: int = None) -> None: ...  # noqa: RUF013  # pyright: ignore

    def right(*, size: int | None = None) -> None: ...

    with pytest.raises(PluginError, match="has the default None for 'size', which is not an integer"):
        OptionsOf(wrong).resolve({})
    assert OptionsOf(right).resolve({}).record == {"size": None}
