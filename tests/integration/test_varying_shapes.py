"""Shapes that are distributions, from a configuration to its results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kshot.cli import main
from kshot.errors import ConfigurationError
from kshot.outcomes import OUTCOMES, read_outcomes
from kshot.report import write_report
from kshot.results import load, tables, without_times
from kshot.shapes import Each, Imbalanced, Range, Shape

from .conftest import run

UNEVEN = {"way": [3, 5], "shot": {"each": [1, 4]}, "queries": {"total": 20, "dirichlet": 2.0}}
TRAIN = {"way": [3, 6], "shot": [1, 3], "episodes": 30, "meta_batch": 4, "validations": 1}
EVALUATE = {"shapes": ["5w1s", "3-6w 1-5s", UNEVEN], "queries": 5, "episodes": 20}
LEARNERS = ["prototypical", {"use": "maml", "head": "prototype"}]


def test_a_benchmark_over_distributions(tmp_path: Path) -> None:
    found = run(tmp_path, train=TRAIN, evaluate=EVALUATE, learners=LEARNERS)
    first, second = found.cells
    assert [cell.status for cell in found.cells] == ["finished", "finished"]
    assert [str(score.shape) for score in first.scores] == [
        "5w1s",
        "3-6w 1-5s",
        "3-5w 1-4s each 20q Dirichlet 2",
    ]
    assert first.scores[1].chance == pytest.approx((1 / 3 + 1 / 4 + 1 / 5 + 1 / 6) / 4)
    assert first.scores[2].shape == Shape(Range(3, 5), Each(Range(1, 4)), Imbalanced(20, 2.0))
    assert [score.manifest for score in first.scores] == [score.manifest for score in second.scores]
    assert first.train.shape == Shape(Range(3, 6), Range(1, 3), 5)
    assert load(tmp_path) == found
    _, varying, uneven = read_outcomes(tmp_path / "cells" / first.id / OUTCOMES)
    assert set(uneven.queries) == {20}
    assert set(varying.queries) <= {15, 20, 25, 30}
    assert len(set(varying.queries)) > 1
    hits = varying.predicted == varying.labels
    assert np.bincount(varying.episode, hits) / varying.queries == pytest.approx(varying.accuracy)
    assert "toy 3-6w 1-5s" in tables(found)[0].header
    page = write_report(tmp_path).read_text()
    assert "at 3-6w 1-3s" in page
    assert "Dirichlet-multinomial" in page
    assert ",3 to 6,1 to 5,5," in (tmp_path / "results.csv").read_text()


def test_a_second_run_repeats_it_to_the_bit(tmp_path: Path) -> None:
    settings = {"train": TRAIN, "evaluate": EVALUATE}
    one, two = (run(tmp_path / name, **settings) for name in ("one", "two"))
    assert without_times(one) == without_times(two)


def test_a_head_of_one_way_is_not_tested_on_varying_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'maml' serves 5 classes.* cannot be tested on 3-5w 1s"):
        run(tmp_path, learners=["maml"], evaluate={**EVALUATE, "shapes": ["3-5w 1s"]})


def test_a_head_of_one_way_is_not_trained_on_varying_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"one number of classes, and train\.way is 3-6: set it to a number"
    ):
        run(tmp_path, learners=["maml"], train=TRAIN, evaluate=EVALUATE)


def test_dry_run_tells_distributions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    from .conftest import configuration, toy_registry

    monkeypatch.setattr("kshot.registry.load_registry", toy_registry)
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(configuration(train=TRAIN, evaluate=EVALUATE)))
    assert main(["bench", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "trained on 30 episodes of 3-6w 1-3s" in out
    assert "20 episodes of 3-6w 1-5s with 5 queries, 20 episodes of 3-5w 1-4s each 20q Dirichlet 2" in out
