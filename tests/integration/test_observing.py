"""Run-time hooks come in pairs and in order, an observer changes nothing, and the shipped one is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kshot import EncoderSpec, hookimpl, results
from kshot.benchmark import run_benchmark, watching
from kshot.cli import main
from kshot.errors import StorageError
from kshot.report import write_report
from kshot.results import Inside, inside_path, read_entry
from safetensors.torch import load_file

from tests.unit.test_report_sections import section

from .conftest import configuration, plan, run, toy_registry

NOISY = EncoderSpec("noisy", "draws in training", "tests.integration.failing:noisy", modality="toy")
GRID: dict[str, Any] = {
    "encoders": {"toy": ["noisy", {"id": "one_by_one", "use": "noisy", "vmap": False}]},
    "learners": [
        {"use": "maml", "inner_steps": 2},
        {"use": "meta_lstm", "inner_steps": 2},
        {"id": "sgd", "use": "maml", "learned_rates": "tensor", "head": "prototype", "order": 1},
        "matching",
        "prototypical",
    ],
    "train": {"episodes": 24, "meta_batch": 4, "validations": 2, "validation_episodes": 4},
    "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 8},
}


class Log:
    """Notes every run-time hook, and asks for all that can be asked for."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.values: list[str] = []

    @hookimpl
    def kshot_run_started(self, name: str) -> None:
        self.events.append(("run", name))

    @hookimpl
    def kshot_cell_started(self, stage: str) -> None:
        self.events.append(("stage", stage))

    @hookimpl
    def kshot_validation_started(self, episodes: int) -> None:
        self.events.append(("validation", episodes))

    @hookimpl
    def kshot_validated(self, episodes: int) -> None:
        self.events.append(("validated", episodes))

    @hookimpl
    def kshot_evaluation_started(self, shape: str, episodes: int) -> None:
        self.events.append(("evaluation", shape, episodes))

    @hookimpl
    def kshot_evaluated(self, shape: str) -> None:
        self.events.append(("evaluated", shape))

    @hookimpl
    def kshot_batch_started(self, stage: str, shape: str, episodes: int, total: int, batch: Any) -> None:
        self.events.append(("batch", stage, shape, episodes, len(batch), total))

    @hookimpl
    def kshot_inner_step(self, stage: str, step: int, values: Any) -> None:
        self.events.append(("step", stage, step))
        self.values += values()

    @hookimpl
    def kshot_noted(self, stage: str, name: str, values: Any) -> None:
        self.events.append(("note", stage, name))
        self.values += values()

    @hookimpl
    def kshot_batch_finished(self, stage: str, loss: Any) -> None:
        assert not loss.requires_grad
        assert loss.shape == ()
        self.events.append(("batch finished", stage))

    @hookimpl
    def kshot_cell_finished(self, cell: str) -> None:
        self.events.append(("finished", cell))

    @hookimpl
    def kshot_cell_failed(self, cell: str) -> None:
        self.events.append(("failed", cell))

    @hookimpl
    def kshot_run_failed(self, name: str, error: str) -> None:
        self.events.append(("run failed", error))

    @hookimpl
    def kshot_run_finished(self, finished: Sequence[str]) -> None:
        self.events.append(("run finished", len(finished)))


def test_hooks_come_in_pairs_and_in_order(tmp_path: Path) -> None:
    registry, log = toy_registry(), Log()
    with registry.observing(log):
        run(
            tmp_path,
            registry,
            learners=[{"use": "maml", "inner_steps": 2}],
            train={"episodes": 6, "meta_batch": 4, "validations": 1, "validation_episodes": 3},
            evaluate={"shapes": ["5w1s", "5w2s"], "queries": 5, "episodes": 7},
        )

    def batch(stage: str, shape: str, before: int, size: int, total: int) -> list[tuple[Any, ...]]:
        steps = [("step", stage, 0), ("step", stage, 1)]
        notes = [] if stage == "train" else [("note", stage, "adapted")]
        return [("batch", stage, shape, before, size, total), *steps, *notes, ("batch finished", stage)]

    assert log.events == [
        ("run", "toy-run"),
        ("stage", "data"),
        ("stage", "train"),
        *batch("train", "5w1s", 0, 4, 6),
        *batch("train", "5w1s", 4, 2, 6),
        ("validation", 6),
        *batch("validate", "5w1s", 0, 3, 3),
        ("validated", 6),
        ("stage", "evaluate"),
        ("evaluation", "5w1s", 7),
        *batch("evaluate", "5w1s", 0, 7, 7),
        ("evaluated", "5w1s"),
        ("evaluation", "5w2s", 7),
        *batch("evaluate", "5w2s", 0, 7, 7),
        ("evaluated", "5w2s"),
        ("finished", "maml.toy_encoder.toy.0"),
        ("run finished", 1),
    ]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "it was asked to stop"),
        (StorageError("cannot write x: full"), "cannot write x: full"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_a_run_that_ends_before_its_time_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, told: str
) -> None:
    registry, log = toy_registry(), Log()

    def attempt(*_: object) -> None:
        raise error

    monkeypatch.setattr("kshot.benchmark.engines.local.attempt", attempt)
    with registry.observing(log), pytest.raises(type(error)):
        run(tmp_path, registry)
    assert log.events == [("run", "toy-run"), ("run failed", told)]


def test_a_run_that_nobody_watches_inside_calls_nothing_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Outside:
        @hookimpl
        def kshot_cell_finished(self) -> None: ...

    def called(*_: object) -> None:
        raise AssertionError("there is no watcher")

    monkeypatch.setattr(watching.Watching, "__init__", called)
    registry = toy_registry()
    with registry.observing(Outside()):
        found = run(tmp_path, registry, **GRID | {"encoders": {"toy": "toy_encoder"}})
    assert [cell.error for cell in found.cells] == [None] * 5


def learnt(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """All tensors of every checkpoint, random generators and optimiser included."""
    return {path.parent.name: load_file(path) for path in folder.glob("cells/*/checkpoint.safetensors")}


def test_a_run_is_bit_equal_with_and_without_observers(tmp_path: Path) -> None:
    """With dropout, by vmap and by a loop, in first and second order; two observers ask for everything."""
    registry, log = toy_registry(("encoders", NOISY)), Log()
    plain = run(tmp_path / "plain", registry, **GRID)
    with registry.observing(log):
        watched = run_benchmark(
            plan(registry, **GRID), tmp_path / "watched", "toy.yaml", torch.device("cpu"), observe=True
        )
    assert [cell.error for cell in plain.cells] == [None] * 10
    assert results.without_times(plain) == results.without_times(watched)
    before, after = learnt(tmp_path / "plain"), learnt(tmp_path / "watched")
    assert before.keys() == after.keys()
    assert len(before) == 10
    for cell, tensors in before.items():
        assert tensors.keys() == after[cell].keys()
        assert all(torch.equal(value, after[cell][name]) for name, value in tensors.items()), cell
    for path in (tmp_path / "plain").glob("cells/*/outcomes.npz"):
        assert path.read_bytes() == (tmp_path / "watched/cells" / path.parent.name / path.name).read_bytes()
    asked = set(log.values)
    assert {"loss/support", "logits", "weights", "forget_gate/head.bias", "input_gate/head.weight"} <= asked


def seen(folder: Path, cell: str) -> Inside:
    return read_entry(inside_path(folder, cell), Inside)


def test_the_shipped_observer_and_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kshot.registry.load_registry", toy_registry)
    monkeypatch.chdir(tmp_path)
    learners = [
        {"use": "maml", "inner_steps": 3, "inner_rate": 0.1, "head": "shared"},
        {"use": "meta_lstm", "inner_steps": 2, "head": "shared"},
        "matching",
        "prototypical",
    ]
    described = configuration(learners=learners, train={"episodes": 400, "meta_batch": 4, "validations": 0})
    Path("toy.yaml").write_text(yaml.safe_dump(described))
    assert main(["bench", "toy.yaml", "--out", "out", "--device", "cpu", "--observe"]) == 0
    assert "raised" not in capsys.readouterr().err
    folder = Path("out")

    maml = seen(folder, "maml.toy_encoder.toy.0")
    training = [one for one in maml.moments if one.stage == "train"]
    assert [one.episodes for one in training] == [4 * math.ceil(100 * k / 24) for k in range(24)]
    assert all(len(one.steps["loss/support"]) == 3 and one.seen == 4 for one in training)
    tests = [one for one in maml.moments if one.stage == "evaluate"]
    assert [one.shape for one in tests] == ["5w1s", "3w2s"]
    for one in tests:
        support, query, right = (one.steps[key] for key in ("loss/support", "loss/query", "accuracy/query"))
        assert len(support) == len(query) == len(right) == 4
        assert support == sorted(support, reverse=True), "adaptation lowers the support's loss"
        assert right[-1] > right[0]
    [cell] = [one for one in results.load(folder).cells if one.learner == "maml"]
    assert tests[0].seen == 40, "all of the test episodes"
    assert tests[0].steps["accuracy/query"][-1] == pytest.approx(cell.scores[0].accuracy, rel=1e-4)

    gates = seen(folder, "meta_lstm.toy_encoder.toy.0").moments[0].steps
    names = {key.partition("/")[2] for key in gates if key.startswith("forget_gate/")}
    assert names == {
        f"encoder.{layer}.{part}" for layer in ("first", "last") for part in ("weight", "bias")
    } | {
        "head.weight",
        "head.bias",
    }
    assert all(0.95 < value < 1 for name in names for value in gates[f"forget_gate/{name}"] if value)
    assert all(0 < value < 0.05 for name in names for value in gates[f"input_gate/{name}"] if value)

    matching = seen(folder, "matching.toy_encoder.toy.0").moments
    for one in matching:
        assert 0 <= (one.values["attention/entropy"] or 0) <= 1
    assert (
        matching[-3].values["attention/on the right class"]
        > matching[0].values["attention/on the right class"]
    )
    assert not inside_path(folder, "prototypical.toy_encoder.toy.0").exists(), "it noted nothing"

    shown = section(Path("out/report.html").read_text(), "inside")
    for said in ("forget gate", "input gate", "attention", "on the right class", "24 looks at training"):
        assert said in shown
    assert shown.count("<figure") == 3 + 7 + 1

    # Computed anew without: nothing is shown that another computation told.
    assert (
        main(["bench", "toy.yaml", "--out", "out", "--device", "cpu", "--set", "evaluate.episodes=20"]) == 0
    )
    assert not list(folder.glob("cells/*/inside.json"))
    assert section(Path("out/report.html").read_text(), "inside") == ""


def test_moments_of_another_training_are_not_gone_on_from(tmp_path: Path) -> None:
    registry = toy_registry()
    changes = {"learners": ["matching"], "evaluate": {"shapes": ["5w1s"], "episodes": 8}}

    def observed(episodes: int, rate: float) -> list[int]:
        train = {"episodes": episodes, "meta_batch": 4, "validations": 0, "learning_rate": rate}
        run_benchmark(
            plan(registry, **changes, train={**train, "schedule": "constant"}),
            tmp_path, "toy.yaml", torch.device("cpu"), observe=True,
        )  # fmt: skip
        found = seen(tmp_path, "matching.toy_encoder.toy.0").moments
        assert [one.stage for one in found].count("evaluate") == 1
        return [one.episodes for one in found if one.stage == "train"]

    short = observed(96, 0.003)
    assert short == list(range(0, 96, 4))
    longer = observed(192, 0.003)
    assert longer[:24] == short, "it went on from the checkpoint"
    assert longer[24:] == list(range(96, 192, 8))
    assert observed(96, 0.001) == short


def test_a_damaged_file_costs_the_section_alone(tmp_path: Path) -> None:
    registry = toy_registry()
    run_benchmark(
        plan(registry, learners=["matching"]), tmp_path, "toy.yaml", torch.device("cpu"), observe=True
    )
    [path] = tmp_path.glob("cells/*/inside.json")
    path.write_text("{")
    page = write_report(tmp_path).read_text()
    assert "Some cannot be shown" in section(page, "inside")
    assert section(page, "curves")
