"""A real run's report: worst episodes, projections and configuration are kept, and all is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from kshot import config
from kshot.benchmark import make_plan
from kshot.benchmark.data import Data
from kshot.benchmark.recorded import keep_configuration
from kshot.outcomes import OUTCOMES, read_outcomes
from kshot.report import write_report
from kshot.results import Projection, load, load_worst, projection_path, read_entry

from tests.integration.conftest import plan, run, toy_registry
from tests.unit.browsing import probe

GRID = {"learners": ["prototypical", "matching"], "seeds": [0, 1]}
SECTIONS = [
    "best",
    "scores",
    "comparisons",
    "heatmap",
    "cost",
    "episodes",
    "worst",
    "confusion",
    "projections",
    "curves",
    "calibration",
    "protocol",
    "cells",
    "environment",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results and the report of a small benchmark on the toy."""
    folder = tmp_path_factory.mktemp("run")
    run(folder, **GRID)
    write_report(folder)
    return folder


def test_the_worst_episodes_are_those_of_the_lowest_mean_accuracy(folder: Path) -> None:
    results = load(folder)
    kept = {cell.id: read_outcomes(folder / "cells" / cell.id / OUTCOMES)[0] for cell in results.cells}
    mean = np.mean([one.accuracy for one in kept.values()], axis=0)
    worst = load_worst(folder)
    assert len(worst) == 3
    assert [one.accuracy for one in worst] == pytest.approx(sorted(mean)[:3])
    assert all(one.number is not None and mean[one.number] == pytest.approx(one.accuracy) for one in worst)


def test_a_worst_episode_is_drawn_again_with_the_best_rows_answers(folder: Path) -> None:
    results = load(folder)
    accuracy = {
        learner: np.mean([cell.scores[0].accuracy for cell in results.cells if cell.learner == learner])
        for learner in GRID["learners"]
    }
    best = max(accuracy, key=lambda learner: accuracy[learner])
    planned = plan(**GRID)
    data = Data(planned.configuration, torch.device("cpu"))
    cell = next(one for one in planned.cells if one.learner.id == best)
    outcomes = read_outcomes(folder / "cells" / cell.id / OUTCOMES)[0]
    evaluate = cell.settings.evaluate
    sampler = data.sampler(cell.source, "test", evaluate.all_shapes()[0], evaluate.seed)
    source = data.source(cell.source)
    for sample in load_worst(folder):
        assert sample.answered_by == f"{best} · toy_encoder"
        assert sample.number is not None
        drawn = sampler.draw(sample.number, sample.number + 1)
        names = [sampler.catalogue.classes[c] for c in drawn.classes[0]]
        assert sample.classes == names
        at = outcomes.episode == sample.number
        shown = [
            source.present(source.fetch(int(sampler.catalogue.rows[p]))).data.decode() for p in drawn.query[0]
        ]
        answers = [outcomes.classes[c] for c in outcomes.predicted[at]]
        said = dict(zip(shown, answers, strict=True))
        assert len(said) == len(answers)
        for example in sample.query:
            assert example.answer is not None
            assert names[example.answer] == said[example.data]
        for label in range(len(names)):
            wrong = [example.answer != label for example in sample.query if example.label == label]
            mistakes = sum(
                said[text] != names[label]
                for text, own in zip(shown, drawn.query_labels[0], strict=True)
                if own == label
            )
            assert len(wrong) == 2
            assert sum(wrong) == min(2, mistakes)


def test_every_cell_keeps_its_projection(folder: Path) -> None:
    for cell in load(folder).cells:
        found = read_entry(projection_path(folder, cell.id), Projection)
        assert len(found.classes) == 10
        assert np.bincount(found.labels).tolist() == [20] * 10
        assert np.abs(found.points).max() == 1
        assert 0 < found.explained[1] <= found.explained[0] <= 1


def test_the_configuration_that_is_kept_plans_the_same_cells(folder: Path) -> None:
    again = make_plan(yaml.safe_load((folder / "config.yaml").read_text()), "config.yaml", toy_registry())
    assert again.configuration == plan(**GRID).configuration
    results = load(folder)
    assert results.configuration == json.loads(again.configuration.model_dump_json())
    assert results.use("learners", "matching") == "matching"
    assert results.use("sources", "toy") == "toy"


def test_what_another_run_finds_replaces_the_worst_episodes(tmp_path: Path) -> None:
    run(tmp_path)
    assert len(load_worst(tmp_path)) == 3
    run(tmp_path, evaluate={"shapes": ["2w5s"], "queries": 2, "episodes": 2})
    assert {one.shape for one in load_worst(tmp_path)} <= {"2w5s"}


def test_all_sections_are_there(folder: Path) -> None:
    source = (folder / "report.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', source) == SECTIONS


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_a_real_run(folder: Path, tmp_path: Path, width: int) -> None:
    script = """(page, told) => {
      for (const one of page.querySelectorAll("details")) one.open = true;
      const seen = (one) => one.getBoundingClientRect().height > 40;
      told("sections", [...page.querySelectorAll("main > section")].filter(seen).map((one) => one.id));
      told("charts", [...page.querySelectorAll("svg.chart")].every((one) => one.getBoundingClientRect().height > 10));
    }"""
    source = (folder / "report.html").read_text(encoding="utf-8")
    found = probe(source, width, script, tmp_path)
    assert found["problems"] == found["requests"] == []
    assert found["width"] <= width
    assert found["sections"] == SECTIONS
    assert found["charts"]


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")), ids=lambda p: p.stem
)
def test_a_shipped_configuration_is_read_back_as_it_was(path: Path, tmp_path: Path) -> None:
    configuration, _ = config.check(config.read(path, []))
    assert configuration is not None
    keep_configuration(configuration, tmp_path)
    again, problems = config.check(config.read(tmp_path / "config.yaml", []))
    assert problems == []
    assert again == configuration
