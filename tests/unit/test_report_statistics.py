"""What the report says of comparisons, ranks and calibration."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from kshot.outcomes import Outcomes, outcomes_path, write_outcomes
from kshot.report import write_report
from kshot.results import Cell, Measure, Results, Score, save
from kshot.statistics import compared

EPISODES, QUERIES = 40, 25


def outcomes(skill: float, seed: int) -> Outcomes:
    generator = np.random.default_rng(seed)
    labels = np.tile(np.repeat(np.arange(5), QUERIES // 5), EPISODES)
    right = generator.random(len(labels)) < skill
    return Outcomes(
        accuracy=right.reshape(EPISODES, QUERIES).mean(axis=1),
        queries=np.full(EPISODES, QUERIES),
        labels=labels,
        predicted=np.where(right, labels, (labels + 1) % 5),
        rank=1 - right.astype(int),
        confidence=generator.uniform(0.2, 1, len(labels)),
        classes=tuple("abcde"),
    )


def score(shot: int, one: Outcomes) -> Score:
    return Score(
        way=5,
        shot=shot,
        queries=5,
        episodes=EPISODES,
        accuracy=one.accuracy.mean(),
        ci95=0.02,
        chance=0.2,
        manifest="sha256:one",
        class_ci95=(0.123, 0.987),
        metrics={"ece": Measure(mean=0.0421 * shot)},
    )


def cell(folder: Path, learner: str, skill: float, seed: int) -> Cell:
    kept = [outcomes(skill, 10 * seed + len(learner) + shot) for shot in (1, 5)]
    scores = [score(shot, one) for shot, one in zip((1, 5), kept, strict=True)]
    made = Cell(
        id=f"{learner}.conv4.glyphs.{seed}",
        learner=learner,
        encoder="conv4",
        source="glyphs",
        modality="image",
        seed=seed,
        status="finished",
        scores=scores,
    )
    write_outcomes(outcomes_path(folder, made.id), kept)
    return made


@pytest.fixture
def made_up(tmp_path: Path) -> Results:
    skills = {"strong": 0.9, "alike": 0.895, "weak<b>": 0.4}
    cells = [cell(tmp_path, name, skill, seed) for name, skill in skills.items() for seed in (1, 2)]
    found = compared(Results(schema=1, name="made up", cells=cells), tmp_path)
    save(tmp_path, found)
    return found


def section(page: str, key: str) -> str:
    found = re.search(rf'<section id="{key}".*?</section>', page, re.S)
    return found.group(0) if found else ""


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_differences_ranks_and_reliability_are_shown(made_up: Results, tmp_path: Path) -> None:
    page = write_report(tmp_path).read_text(encoding="utf-8")
    shown = section(page, "comparisons")
    column, _ = made_up.comparisons
    best = max(column.rows, key=lambda row: row.accuracy)
    weak = column.rows[2]
    assert weak.difference is not None and weak.ci95 is not None
    assert f"\u2212{-100 * weak.difference:.1f} ± {100 * weak.ci95:.1f}" in text(shown)
    alike = sum(row.not_worse and row.difference != 0 for one in made_up.comparisons for row in one.rows)
    assert text(shown).count("not worse") == alike == 1
    assert f"{best.learner} conv4 {100 * best.accuracy:.1f} best" in text(shown)
    assert shown.count('class="chart whisker"') == 4
    assert "Over 2 tasks" in text(shown)
    assert "Every two rows" in text(shown)
    drawn = section(page, "calibration")
    assert drawn.count('class="card"') == 6
    assert drawn.count('class="reference"') == 6
    assert "weak&lt;b&gt; conv4 4.2 21.1" in text(drawn)
    assert "weak&lt;b&gt;" in drawn and "weak<b>" not in page
    scores = text(section(page, "scores"))
    assert "≈: not significantly worse" in scores and "average rank" in scores
    assert "seeds ±" in scores
    assert "over classes: 12.3 to 98.7" in text(section(page, "cells"))


def test_a_folder_without_outcomes_has_no_reliability_plots(made_up: Results, tmp_path: Path) -> None:
    for one in made_up.cells:
        outcomes_path(tmp_path, one.id).unlink()
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert section(page, "scores") and section(page, "comparisons")
    assert "ECE" in section(page, "calibration") and "<figure" not in section(page, "calibration")


def test_a_damaged_file_costs_its_row_alone(made_up: Results, tmp_path: Path) -> None:
    for one in made_up.cells[:2]:
        outcomes_path(tmp_path, one.id).write_bytes(b"PK")
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert section(page, "calibration").count('class="card"') == 4


def test_an_old_folder_still_makes_a_page(tmp_path: Path) -> None:
    made = cell(tmp_path / "elsewhere", "one", 0.5, 1)
    old = [score.model_copy(update={"metrics": {}, "class_ci95": None}) for score in made.scores]
    save(tmp_path, Results(schema=1, name="old", cells=[made.model_copy(update={"scores": old})]))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert section(page, "scores")
    assert not section(page, "comparisons") and not section(page, "calibration")


def test_an_interrupted_run_is_compared_when_it_is_reported(made_up: Results, tmp_path: Path) -> None:
    save(tmp_path, made_up.model_copy(update={"comparisons": [], "rankings": []}))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert 'id="comparisons"' in page
    save(tmp_path, made_up)
    assert write_report(tmp_path).read_text(encoding="utf-8") == page
