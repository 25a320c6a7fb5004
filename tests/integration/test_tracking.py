"""``kshot bench --track``: what TensorBoard reads back is what the run found."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import results
from kshot.cli import main

from .conftest import configuration, toy_registry


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kshot.registry.load_registry", toy_registry)
    monkeypatch.chdir(tmp_path)


def bench(*arguments: str, **changes: Any) -> int:
    Path("toy.yaml").write_text(yaml.safe_dump(configuration(**changes)))
    return main(["bench", "toy.yaml", "--device", "cpu", *arguments])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard", "ignore::DeprecationWarning:google")
def test_event_files_hold_the_curve_and_the_scores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kshot.training.meta.REPORT_SECONDS", math.inf)  # the loss is told once, at the end
    pytest.importorskip("accelerate")
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    learner = {"use": "prototypical", "distance": "cosine", "pretrain": {"epochs": 2}}
    assert bench("--track", "tensorboard", learners=[learner, "simpleshot"]) == 0
    assert "raised" not in capsys.readouterr().err
    cells = results.load(Path("runs/toy-run")).cells
    assert len(cells) == 2
    for cell in cells:
        folder = Path("runs/toy-run/tensorboard", cell.id)
        read = events.EventAccumulator(str(folder)).Reload()

        def scalars(tag: str, read: Any = read) -> list[tuple[int, float]]:
            return [(event.step, event.value) for event in read.Scalars(tag)]

        for score in cell.scores:
            expected = [(cell.train.episodes, pytest.approx(score.accuracy))]
            assert scalars(f"test/{score.shape}/accuracy") == expected
        [written] = folder.glob("*/hparams.yml")
        told = yaml.safe_load(written.read_text())
        assert told["learner.id"] == cell.learner
        assert (told["seed"], told["encoder.dim"], told["train.learning_rate"]) == (0, 16, 0.003)
    trained = cells[0]
    read = events.EventAccumulator(str(Path("runs/toy-run/tensorboard", trained.id))).Reload()
    validated = [(point.episodes, pytest.approx(point.accuracy)) for point in trained.curve]
    assert [(e.step, e.value) for e in read.Scalars("validation/accuracy")] == validated
    assert [e.step for e in read.Scalars("pretrain/loss")] == [1, 2]
    [loss] = read.Scalars("train/loss")
    assert loss.step == 60
    means = [point.loss for point in trained.curve if point.loss is not None]
    steps = [8, 7]  # 30 episodes, four a step, are passed after the eighth of fifteen
    mean = sum(n * loss for n, loss in zip(steps, means, strict=True)) / 15
    assert loss.value == pytest.approx(mean, rel=1e-5)


def test_any_tracker_that_accelerate_knows(capsys: pytest.CaptureFixture[str]) -> None:
    tracking = pytest.importorskip("accelerate.tracking")
    told: list[tuple[str, Any]] = []

    class Mine(tracking.GeneralTracker):
        name = "mine"
        requires_logging_directory = False
        tracker = None

        def __init__(self, run_name: str) -> None:
            super().__init__()
            told.append(("start", run_name))

        def log(self, values: dict[str, float], step: int | None = None, **_: Any) -> None:
            told.append(("log", sorted(values)))

        def finish(self) -> None:
            told.append(("finish", None))

    tracking.register_tracker_class(Mine)
    try:
        assert bench("--track", "mine", "--track", "mine", seeds=[0, 1]) == 0
    finally:
        del tracking.LOGGER_TYPE_TO_CLASS["mine"]
    assert "raised" not in capsys.readouterr().err
    starts = [value for kind, value in told if kind == "start"]
    assert starts == ["prototypical.toy_encoder.toy.0", "prototypical.toy_encoder.toy.1"]
    assert [kind for kind, _ in told if kind != "log"] == ["start", "finish"] * 2
    assert ("log", ["validation/accuracy", "validation/ci95"]) in told


@pytest.mark.parametrize(
    ("missing", "tracker", "said"),
    [
        ("accelerate", "tensorboard", 'trackers need accelerate; pip install "kshot[track]"'),
        ("", "tensorbord", "unknown tracker 'tensorbord'; did you mean 'tensorboard'?"),
        ("wandb", "wandb", "wandb is not installed; pip install wandb"),
    ],
)
def test_a_tracker_that_is_not_there_is_told_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str, tracker: str, said: str
) -> None:
    if missing != "accelerate":
        pytest.importorskip("accelerate")
    if missing == "wandb" and importlib.util.find_spec("wandb"):
        pytest.skip("wandb is installed here")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == missing else found(name, *more)
    )
    assert bench("--track", tracker) == 2
    assert f"kshot: --track: {said}" in capsys.readouterr().err
    assert not Path("runs").exists()
