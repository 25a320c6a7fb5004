"""Published lists of episodes: served as they are, refused where they contradict themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from kshot.config import Evaluate, Loading, check, settings_of
from kshot.errors import DataError
from kshot.evaluation import evaluate
from kshot.learners.prototypical import Prototypical
from kshot.loading import make_loader
from kshot.sampling import Drawn, FixedSampler, Sampler
from kshot.shapes import Fixed, Shape
from kshot.testing import Toy, toy_encoder

CATALOGUE = Toy().catalogue("test")
LIST = Sampler(CATALOGUE, "test", Shape(4, 2, 3), seed=5).draw(0, 7)


def fixed(drawn: Drawn = LIST) -> FixedSampler:
    return FixedSampler(CATALOGUE, "test", "published", drawn)


def test_the_list_has_its_own_shape_and_number() -> None:
    sampler = fixed()
    assert sampler.shape == Shape(4, 2, 3, fixed="published")
    assert str(sampler.shape) == "4w2s fixed published"
    assert sampler.count(600) == sampler.count(1) == len(sampler) == 7
    assert sampler.left_out == ()


def test_episodes_are_the_list_s_in_any_stretch() -> None:
    sampler = fixed()
    for start, stop in ((0, 7), (2, 5), (6, 7)):
        for one, other in zip(sampler.draw(start, stop).arrays, LIST.arrays, strict=True):
            np.testing.assert_array_equal(one, other[start:stop])
    parts = np.concatenate([drawn.query for drawn in sampler.blocks(7, 3)])
    np.testing.assert_array_equal(parts, LIST.query)
    with pytest.raises(IndexError, match="of 7"):
        sampler.draw(5, 8)


def test_the_manifest_is_that_of_the_same_episodes_drawn() -> None:
    drawn = Sampler(CATALOGUE, "test", Shape(4, 2, 3), seed=5)
    assert fixed().manifest(7) == drawn.manifest(7)
    assert fixed(drawn.draw(1, 8)).manifest(7) != drawn.manifest(7)


def test_a_list_is_scored_whole() -> None:
    encoder = toy_encoder()
    loader = make_loader(Toy(), CATALOGUE, encoder, torch.device("cpu"), Loading())
    drawn = Sampler(CATALOGUE, "test", Shape(4, 2, 3), seed=5)
    one, other = evaluate(Prototypical(encoder), loader, [fixed(), drawn], 9)
    assert (len(one.outcomes.accuracy), len(other.outcomes.accuracy)) == (7, 9)
    np.testing.assert_allclose(one.outcomes.accuracy, other.outcomes.accuracy[:7], rtol=0)


def uneven() -> Drawn:
    labels = LIST.query_labels.copy()
    labels[3, labels[3] == 0] = 1
    return replace(LIST, query_labels=labels)


def mislabelled() -> Drawn:
    return replace(LIST, support_labels=(LIST.support_labels + 1) % 4)


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (Drawn(*(array[:0] for array in LIST.arrays)), "'published' is empty"),
        (uneven(), "'published' are not of one shape"),
        (replace(LIST, support_labels=LIST.support_labels + 1), "'published' are not of one shape"),
        (mislabelled(), "'published' label an example with a class that is not its own"),
    ],
    ids=["empty", "uneven", "label-out-of-range", "mislabelled"],
)
def test_lists_that_contradict_themselves_are_refused(drawn: Drawn, message: str) -> None:
    with pytest.raises(DataError, match=message):
        fixed(drawn)


def test_fixed_episodes_are_not_drawn() -> None:
    with pytest.raises(ValueError, match="fixed episodes are not drawn"):
        Sampler(CATALOGUE, "test", Shape(4, 2, 3, fixed="published"), 0)


GOOD: dict[str, Any] = {
    "name": "x",
    "sources": {"glyphs": None},
    "encoders": {"image": "conv4"},
    "learners": "prototypical",
}


def test_a_configuration_names_lists_beside_shapes() -> None:
    entries = {"shapes": [{"fixed": "runs"}, "5w1s"], "queries": 3}
    configuration, problems = check({**GOOD, "evaluate": entries})
    assert problems == []
    assert configuration is not None
    assert configuration.evaluate.all_shapes() == [Fixed("runs"), Shape(5, 1, 3)]
    assert Evaluate.model_validate(configuration.evaluate.model_dump()) == configuration.evaluate


def test_a_learner_may_have_a_list_of_its_own() -> None:
    learner = {"use": "prototypical", "evaluate": {"shapes": [{"fixed": "runs"}]}}
    configuration, problems = check({**GOOD, "learners": [learner]})
    assert problems == []
    assert configuration is not None
    settings, problems = settings_of(
        configuration,
        ("sources.glyphs", configuration.sources["glyphs"]),
        learner=("learners.prototypical", configuration.learners[0]),
    )
    assert problems == []
    assert settings.evaluate.all_shapes() == [Fixed("runs")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"evaluate": {"shapes": [{"fixed": "runs", "way": 5}]}},
            "evaluate.shapes.0: fixed episodes have a shape",
        ),
        ({"evaluate": {"shapes": [{"fixed": 3}]}}, "evaluate.shapes.0.fixed: input should be a valid string"),
        ({"evaluate": {"shapes": [{"fixed": ""}]}}, "evaluate.shapes.0.fixed: string should have at least 1"),
        (
            {"evaluate": {"shapes": [{"fixd": "runs"}]}},
            "evaluate.shapes.0.fixd: unknown key; did you mean 'fixed'?",
        ),
        ({"train": {"fixed": "runs"}}, "train.fixed: unknown key"),
    ],
    ids=["with-a-way", "number", "empty", "misspelt", "for-training"],
)
def test_each_problem_names_key_and_mend(changes: dict[str, Any], expected: str) -> None:
    found = check({**GOOD, **changes})[1]
    assert any(problem.startswith(expected) for problem in found), found
