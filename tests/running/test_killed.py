"""A run that is killed, again and again, ends bit-equal to one that is not."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import results

from .conftest import CONFIGURATION, Bench

GRID: dict[str, Any] = {
    **CONFIGURATION,
    "encoders": {
        "toy": [
            {"id": "plain", "use": "watched"},
            {"id": "noisy", "use": "watched", "dropout": 0.2, "noise": 0.3},
        ]
    },
    "learners": [
        "prototypical",
        {"use": "maml", "inner_steps": 2},
        # Each step of it is a checkpoint, of its pretraining too.
        {
            "id": "pretrained",
            "use": "prototypical",
            "pretrain": {"epochs": 2},
            "train": {"checkpoint_seconds": 0.0},
        },
    ],
    "leave_out": ["maml.noisy.*"],
}

TRAINING = r"pass in training of .*, [2-9] after a checkpoint"
AROUND = r"^(evaluate of|evaluated|finished|data of)|outcomes|cell\.json|results\."
ANY = ""


def figures(folder: Path) -> tuple[list[results.Cell], dict[str, bytes]]:
    """All that must be equal to the bit: results without times, and what was said of every query."""
    outcomes = {path.parent.name: path.read_bytes() for path in folder.glob("cells/*/outcomes.npz")}
    return results.without_times(results.load(folder)).cells, outcomes


def finished(folder: Path) -> dict[str, int]:
    """When the results of each finished cell were written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("cells/*/cell.json")}


def check_killed(bench: Bench, tmp_path: Path, likes: list[str], seed: int) -> None:
    bench.config.write_text(yaml.safe_dump(GRID))
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    undisturbed = bench.run(whole, MOMENT_LOG="yes")
    assert undisturbed.returncode == 0, undisturbed.stderr
    events = undisturbed.stdout.count("\nevent ")
    print(f"seed {seed}, {events} events")
    chance, most = random.Random(seed), events // 11
    kept: dict[str, int] = {}
    for like in likes:
        moment = bench.kill(torn, chance.randint(most // 2, most), like)
        print(f"killed at event {moment}")
        assert kept.items() <= finished(torn).items(), "a finished cell stays as it is"
        kept = finished(torn)
    resumed = bench.run(torn)
    assert resumed.returncode == 0, resumed.stderr
    assert f"5 cells, {len(kept)} of them finished already" in resumed.stdout if kept else True
    assert figures(torn) == figures(whole)
    assert len(figures(whole)[1]) == 5
    assert kept.items() <= finished(torn).items()
    left = {path.name for path in torn.rglob("*") if path.name.endswith((".part", ".unfinished.safetensors"))}
    assert not left
    assert (torn / "report.html").is_file()


def test_a_run_killed_at_three_moments_is_bit_equal(bench: Bench, tmp_path: Path) -> None:
    """In MAML's training, around evaluation, in that of a metric learner with dropout and augmentation."""
    noisy, maml = TRAINING.replace(".*", "prototypical.noisy.*"), TRAINING.replace(".*", "maml.*")
    check_killed(bench, tmp_path, [maml, AROUND, noisy], seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_at_ten_moments_is_bit_equal(bench: Bench, tmp_path: Path, seed: int) -> None:
    check_killed(bench, tmp_path, [TRAINING, ANY, AROUND, TRAINING, ANY] * 2, seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "like",
    [
        r"os\.rename cells/.*/outcomes\.npz",
        r"open cells/prototypical\.watched\.toy\.0$",
        r"os\.rename cells/.*/cell\.json",
        r"os\.rename results\.json",
        r"os\.rename results\.csv",
        r"finished prototypical",
    ],
)
def test_a_run_killed_between_two_files_of_a_cell(bench: Bench, tmp_path: Path, like: str) -> None:
    bench.run(tmp_path / "whole")
    print(bench.kill(tmp_path / "torn", 12, like))
    assert bench.run(tmp_path / "torn").returncode == 0
    assert figures(tmp_path / "torn") == figures(tmp_path / "whole")


def test_what_an_observer_saw_is_the_same_after_a_run_that_is_killed(bench: Bench, tmp_path: Path) -> None:
    """Killed before and after a checkpoint, between a look and the next checkpoint, and in the evaluation."""
    learners = [{"use": "maml", "inner_steps": 2, "train": {"checkpoint_seconds": 0.0}}, {"use": "matching"}]
    bench.config.write_text(yaml.safe_dump({**CONFIGURATION, "learners": learners}))
    watched = replace(bench, options=("--observe",))
    whole, torn, unwatched = tmp_path / "whole", tmp_path / "torn", tmp_path / "unwatched"
    assert watched.run(whole).returncode == 0
    for like in (
        r"pass in training of maml.*, 1 after a checkpoint",
        r"os\.rename cells/maml.*/inside\.json",
        r"os\.rename cells/maml.*/inside\.json",
        r"pass in evaluation of maml",
        r"pass in training of matching.*, [2-9] after a checkpoint",
    ):
        print("killed at event", watched.kill(torn, 40, like))
    assert watched.run(torn).returncode == 0
    assert bench.run(unwatched).returncode == 0

    def seen(folder: Path) -> dict[str, bytes]:
        return {path.parent.name: path.read_bytes() for path in folder.glob("cells/*/inside.json")}

    assert len(seen(whole)) == 2
    assert seen(torn) == seen(whole)
    assert seen(unwatched) == {}
    assert figures(torn) == figures(whole) == figures(unwatched)
