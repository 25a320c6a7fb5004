"""The suite as a table and as classes, and the examples that it draws."""

from __future__ import annotations

import ast
import collections
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from unittest import SkipTest

import kshot.testing
import pytest
import torch
from kshot.interfaces import Encoder
from kshot.learners.prototypical import Prototypical
from kshot.testing import (
    ENCODER_CHECKS,
    LEARNER_CHECKS,
    EncoderConformance,
    LearnerConformance,
    Outcome,
    Subject,
    learner_factory,
    run_checks,
    toy_encoder,
    toy_subject,
)


class TestPrototypical(LearnerConformance):
    """What a plugin's author writes, collected by pytest."""

    make = learner_factory(Prototypical, learn_scale=True)
    subject = toy_subject()


class TestToyEncoder(EncoderConformance):
    subject = toy_subject()


@pytest.mark.parametrize(
    ("base", "checks"), [(LearnerConformance, LEARNER_CHECKS), (EncoderConformance, ENCODER_CHECKS)]
)
def test_every_check_is_a_method_with_its_words(base: type, checks: dict) -> None:
    methods = {name: vars(base)[name] for name in dir(base) if name.startswith("test_")}
    assert set(methods) == {f"test_{name}" for name in checks}
    assert all(methods[f"test_{name}"].__doc__ == check.__doc__ for name, check in checks.items())


def test_a_standard_check_cannot_be_overridden() -> None:
    with pytest.raises(TypeError, match="Quiet overrides test_learns; give the reason"):

        class Quiet(LearnerConformance):
            def test_learns(self) -> None:
                pass


@pytest.mark.parametrize(
    ("exceptions", "message"),
    [
        ({"learns": " "}, "the exception from 'learns' needs its reason"),
        ({"lerns": "it cannot"}, "no check is called 'lerns'; did you mean 'learns'"),
    ],
)
def test_an_exception_needs_a_name_and_a_reason(exceptions: dict, message: str) -> None:
    # The class's own name would be collected.
    with pytest.raises(ValueError, match=message):
        type("Excused", (LearnerConformance,), {"exceptions": exceptions})
    with pytest.raises(ValueError, match=message):
        run_checks(LEARNER_CHECKS, exceptions=exceptions)


def test_an_exception_is_skipped_with_its_reason() -> None:
    class Excused(LearnerConformance):
        make = learner_factory(Prototypical)
        subject = toy_subject()
        exceptions = MappingProxyType({"learns": "it is in no hurry"})

    with pytest.raises(SkipTest, match="it is in no hurry"):
        Excused().test_learns()
    Excused().test_unbalanced()


def test_outcomes_of_all_kinds() -> None:
    def broken(value: int) -> None:
        raise AssertionError(f"{value} is wrong; mend it")

    def crashes(value: int) -> None:
        raise KeyError(value)

    def leaves(value: int) -> None:
        sys.exit(f"bye {value}")

    def inapplicable(value: int) -> None:
        raise SkipTest("nothing to do")

    checks = {
        "fine": print,
        "broken": broken,
        "crashes": crashes,
        "leaves": leaves,
        "inapplicable": inapplicable,
        "left": broken,
    }
    assert run_checks(checks, 3, exceptions={"left": "not ours"}) == [
        Outcome("fine", "passed"),
        Outcome("broken", "failed", "3 is wrong; mend it"),
        Outcome("crashes", "failed", "raised KeyError: 3"),
        Outcome("leaves", "failed", "raised SystemExit: bye 3"),
        Outcome("inapplicable", "skipped", "nothing to do"),
        Outcome("left", "excepted", "not ours"),
    ]


def test_who_asks_for_a_stop_is_heard_in_a_check() -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_checks({"stopped": stopped})


def test_the_suite_needs_no_pytest() -> None:
    for path in Path(kshot.testing.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "pytest" for name in names), path


def test_episodes_have_the_shape_asked_for_and_no_order() -> None:
    subject = toy_subject()
    state = torch.random.get_rng_state()
    episodes = subject.episodes(4, 3, (1, 2, 4), 5, dtype=torch.float64)
    assert torch.equal(torch.random.get_rng_state(), state)
    support, query = episodes.support[0], episodes.query[0]
    assert support.inputs["values"].shape == (4, 7, 16)
    assert support.inputs["values"].dtype == torch.float64
    counts = [collections.Counter(labels.tolist()) for labels in support.labels]
    assert [[count[k] for k in range(3)] for count in counts] == [[1, 2, 4], [2, 4, 1], [4, 1, 2], [1, 2, 4]]
    assert query.labels.shape == (4, 15)
    assert any((labels.diff() < 0).any() for labels in query.labels)
    assert len(set(episodes.classes)) > 1
    for s, q in zip(support.inputs["values"], query.inputs["values"], strict=True):
        assert not (s[:, None] == q[None]).all(-1).any()  # no example on both sides
    again = subject.episodes(4, 3, (1, 2, 4), 5, dtype=torch.float64)
    assert torch.equal(again.support[0].inputs["values"], support.inputs["values"])
    other = subject.episodes(4, 3, (1, 2, 4), 5, dtype=torch.float64, seed=1)
    assert not torch.equal(other.support[0].inputs["values"], support.inputs["values"])


def test_a_label_stands_for_its_class() -> None:
    """Every example of an episode is one of the class that its label names."""
    subject = toy_subject()
    episodes = subject.episodes(2, classes=(1, 5, 7, 9))
    for block in (episodes.support[0], episodes.query[0]):
        for t, names in enumerate(episodes.classes):
            for values, label in zip(block.inputs["values"][t], block.labels[t], strict=True):
                number = int(names[label].removeprefix("class-"))
                assert number in (1, 5, 7, 9)
                assert any((values.numpy() == raw).all() for raw in subject.raw[number])


def test_encoders_of_a_subject_are_equal_and_their_own() -> None:
    subject = toy_subject()
    one, two, other = subject.encoder(), subject.encoder(), subject.fresh(seed=1)
    assert torch.equal(one.first.weight, two.first.weight)
    assert one.first.weight is not two.first.weight
    assert not torch.equal(one.first.weight, other.first.weight)


def test_examples_are_prepared_in_full_precision_whoever_asks_first() -> None:
    """A plugin's ``prepare`` may multiply matrices, and what it gives is kept for all checks."""

    def build() -> Encoder:
        encoder = toy_encoder()
        prepare = encoder.prepare
        encoder.prepare = lambda raw: {name: leaf @ torch.eye(16) for name, leaf in prepare(raw).items()}
        return encoder

    subject = replace(toy_subject(), build=build)
    with torch.autocast("cpu", torch.bfloat16):
        first = subject.inputs()
    assert torch.equal(first["values"], toy_subject().inputs()["values"])


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"subject 'small' needs 6 classes of 8 examples or more, got \[8, 8\]"
    ):
        Subject("small", toy_encoder, [range(8), range(8)])
