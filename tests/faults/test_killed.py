"""What was killed by SIGKILL, at whatever moment, loses nothing, and ends bit-equal to what was not."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import results

from tests.classifier.things import texts

from .conftest import CONFIGURATION, Bench, Command, check_whole, is_temporary

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

LONGER: dict[str, Any] = {**GRID, "train": {**CONFIGURATION["train"], "episodes": 144, "validations": 9}}
"""A checkpoint every four steps, so that a training can be killed many times."""

TRAINING = r"pass in training of .*, [2-9] after a checkpoint"
EVALUATION = r"^(pass in evaluation|evaluate of|evaluated)|outcomes|cell\.json|results\."
EMBEDDINGS, PAGE = r"embeddings/.*\.(part|safetensors)", r"report\.html"
MOMENTS = [pytest.param(1, id="once"), pytest.param(10, id="ten times", marks=pytest.mark.slow)]
"""Of each of five kinds, the training's and the evaluation's below: 50 in the long form."""


def figures(folder: Path) -> tuple[list[results.Cell], dict[str, bytes]]:
    """All that must be equal to the bit: results without times, and what was said of every query."""
    outcomes = {path.parent.name: path.read_bytes() for path in folder.glob("cells/*/outcomes.npz")}
    return results.without_times(results.load(folder)).cells, outcomes


def finished(folder: Path) -> dict[str, int]:
    """When the results of each finished cell were written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("cells/*/cell.json")}


def check_killed(
    bench: Bench, tmp_path: Path, likes: list[str], seed: int, grid: Mapping[str, Any] = GRID
) -> None:
    """A run that is killed at each of some moments, one process after the other."""
    bench.config.write_text(yaml.safe_dump(grid))
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    events = len(bench.command(whole).events())
    print(f"seed {seed}, {events} events")
    chance, most = random.Random(seed), events // (2 * len(likes))
    kept: dict[str, int] = {}
    for like in likes:
        moment = bench.kill(torn, chance.randint(most // 2, most), like, chance.uniform(0, 0.02))
        print(f"killed at event {moment}")
        check_whole(torn)
        assert kept.items() <= finished(torn).items(), "a finished cell stays as it is"
        kept = finished(torn)
    resumed = bench.run(torn)
    assert resumed.returncode == 0, resumed.stderr
    counted = f"5 cells, {len(kept)} of them finished already" if kept else "5 cells"
    assert counted in resumed.stdout
    assert figures(torn) == figures(whole)
    assert len(figures(whole)[1]) == 5
    assert kept.items() <= finished(torn).items()
    left = {
        path.name
        for path in torn.rglob("*")
        if is_temporary(path) or path.name.endswith(".unfinished.safetensors")
    }
    assert not left
    assert (torn / "report.html").is_file()


def test_a_run_killed_at_three_moments_is_bit_equal(bench: Bench, tmp_path: Path) -> None:
    """In MAML's training, around evaluation, in that of a metric learner with dropout and augmentation."""
    noisy, maml = TRAINING.replace(".*", "prototypical.noisy.*"), TRAINING.replace(".*", "maml.*")
    check_killed(bench, tmp_path, [maml, EVALUATION, noisy], seed=0)


@pytest.mark.slow
def test_a_training_killed_at_ten_moments_is_bit_equal(bench: Bench, tmp_path: Path) -> None:
    likes = [TRAINING.replace("[2-9]", str(1 + number % 3)) for number in range(10)]
    check_killed(bench, tmp_path, likes, 1, LONGER)


@pytest.mark.slow
def test_an_evaluation_killed_at_ten_moments_is_bit_equal(bench: Bench, tmp_path: Path) -> None:
    check_killed(bench, tmp_path, [EVALUATION] * 10, 2, LONGER)


def moments(command: Command, count: int, seed: int, like: str = "") -> Iterator[tuple[int, float]]:
    """Run a command whole, then give moments of it: an event, and seconds after it."""
    chance, numbers = random.Random(seed), command.events(like)
    print(f"seed {seed}, {len(numbers)} events, {numbers[0]} to {numbers[-1]}")
    for _ in range(count):
        yield chance.choice(numbers), chance.uniform(0, 0.03)


@pytest.mark.parametrize("count", MOMENTS)
def test_a_cache_whose_writer_was_killed_holds_whole_files(bench: Bench, tmp_path: Path, count: int) -> None:
    """Two encoders that stay as they came, so that every example of three splits is embedded once."""
    frozen = [{"id": "one", "use": "watched"}, {"id": "two", "use": "watched", "dropout": 0.1}]
    encoders = [{**encoder, "train": "none"} for encoder in frozen]
    learners = [{"use": "maml", "adapt": "head", "inner_steps": 1}]
    bench.config.write_text(
        yaml.safe_dump({**CONFIGURATION, "encoders": {"toy": encoders}, "learners": learners})
    )

    def command(name: str) -> tuple[Command, Path, Path]:
        out, cache = tmp_path / name, tmp_path / f"cache of {name}"
        return (
            replace(bench.command(out), folder=cache, variables={"KSHOT_CACHE": str(cache)}),
            out,
            cache,
        )

    undisturbed, whole, complete = command("whole")
    for number, (event, delay) in enumerate(moments(undisturbed, count, 3, EMBEDDINGS)):
        killed, out, cache = command(f"torn {number}")
        print("killed at event", killed.kill(event, EMBEDDINGS, delay))
        check_whole(cache)
        kept = {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
        killed.here()
        assert figures(out) == figures(whole)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was embedded is not lost"
        assert contents(cache) == contents(complete)


@pytest.mark.parametrize("count", MOMENTS)
def test_a_report_whose_writer_was_killed_is_the_old_one_or_the_new(
    bench: Bench, tmp_path: Path, count: int
) -> None:
    out = tmp_path / "out"
    bench.here(out)
    page = out / "report.html"
    written = Command(bench.site, ("report", str(out)), out)
    before = contents(out)
    for number, (event, delay) in enumerate(moments(written, count, 4, PAGE)):
        old = None if number % 2 else "an older page</html>\n"
        page.write_text(old) if old else page.unlink()
        print("killed at event", written.kill(event, PAGE, delay))
        found = page.read_text() if page.exists() else None
        assert found in (old, before["report.html"].decode())
    written.here()
    assert contents(out) == before


@pytest.mark.parametrize("count", [pytest.param(2, id="twice"), MOMENTS[1]])
def test_a_classifier_whose_writer_was_killed_is_the_old_one_or_the_new(
    bench: Bench, tmp_path: Path, count: int
) -> None:
    """Written for the first time, and written anew with one more class."""
    pytest.importorskip("kshot_text", reason="kshot-text is not installed")
    data, folder = tmp_path / "texts.csv", tmp_path / "models"
    with data.open("w") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(*texts(), strict=True)])
    folder.mkdir()
    model = folder / "m.kshot"
    fit = ("fit", str(data), "--encoder", "tfidf", "--draws", "0", "--out", str(model))
    fitting = Command(bench.site, fit, folder)
    enrolling = Command(bench.site, ("enroll", str(model), "law", "the court judge"), folder)
    chance = list(moments(fitting, count, seed=5))
    fitted = model.read_bytes()
    enrolling.here()
    enrolled = model.read_bytes()
    assert enrolled != fitted
    for number, (event, delay) in enumerate(chance):
        again = number % 2 == 1
        model.write_bytes(fitted) if again else model.unlink(missing_ok=True)
        killed = enrolling if again else fitting
        print("killed at event", killed.kill(0 if again else event, ".part" if again else "", delay))
        check_whole(folder)
        found = model.read_bytes() if model.exists() else None
        assert found in ((fitted, enrolled) if again else (None, fitted))
    model.unlink(missing_ok=True)
    fitting.here()
    assert model.read_bytes() == fitted


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but temporary ones, by its place."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not is_temporary(path)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


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


@pytest.mark.slow
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
