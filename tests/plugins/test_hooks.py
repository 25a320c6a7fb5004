"""Every hook is documented, shown and called; what is to go is told first; watching changes nothing."""

from __future__ import annotations

import ast
import inspect
import json
import logging
import re
from pathlib import Path

import kshot
import pytest
import torch
import yaml
from kshot import hookspecs
from kshot.hookspecs import HookDeprecation
from kshot.registry import load, load_registry

from tests.conftest import Site

ROOT = Path(__file__).parents[2]
HOOKS = sorted(name for name, value in vars(hookspecs).items() if hasattr(value, "kshot_spec"))
PAGE = (ROOT / "docs/hooks.md").read_text()


def test_there_are_hooks() -> None:
    assert len(HOOKS) >= 20
    assert set(hookspecs.INSIDE) < set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments_and_an_example(hook: str) -> None:
    section = re.search(rf"^### `{hook}`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/hooks.md has no heading '### `{hook}`'"
    arguments = set(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert set(re.findall(r"^- `(\w+)` \(", section[1], re.MULTILINE)) == arguments
    example = re.search(r"^```python\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)
    assert example, f"docs/hooks.md shows no example of {hook}"
    [function] = [node for node in ast.parse(example[1]).body if isinstance(node, ast.FunctionDef)]
    assert function.name == hook
    assert {one.arg for one in function.args.args} <= arguments


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_implemented_by_a_test(hook: str) -> None:
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "plugins").glob("*/tests/*.py")]
    assert any(re.search(rf"def {hook}\(", file.read_text()) for file in files)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_argument_is_described_where_the_hook_is(hook: str) -> None:
    function = getattr(hookspecs, hook)
    described = set(re.findall(r"^ {8}(\w+): ", inspect.getsource(function), re.MULTILINE))
    assert set(inspect.signature(function).parameters) <= described


def test_what_is_to_go_is_told_with_the_plugins_name_and_works_on(site: Site, monkeypatch, caplog) -> None:
    site.install("lagging")
    assert not load_registry().notes
    argument, hook = HookDeprecation("take 'interval' instead of 'ci95'"), HookDeprecation("it goes")
    monkeypatch.setitem(hookspecs.kshot_evaluated.kshot_spec, "warn_on_impl_args", {"ci95": argument})
    monkeypatch.setitem(hookspecs.kshot_validated.kshot_spec, "warn_on_impl", hook)
    load._tell.cache_clear()
    with caplog.at_level(logging.WARNING, "kshot"):
        registry = load_registry()
    [plugin] = [one for one in registry.plugins if one.name == "lagging"]
    assert plugin.usable
    named = "plugin 'lagging' of kshot-fixture-lagging 1.0: "
    assert set(registry.notes) == {named + str(argument), named + str(hook)}
    assert set(registry.notes) <= {record.getMessage() for record in caplog.records}


class Looking:
    """Takes in all that the hooks inside a computation tell."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @kshot.hookimpl
    def kshot_validation_started(self, cell, episodes):
        self.told.append(f"validated after {episodes}")

    @kshot.hookimpl
    def kshot_evaluation_started(self, cell, shape, episodes):
        self.told.append(f"evaluated by {episodes} {shape}")

    @kshot.hookimpl
    def kshot_run_failed(self, name, error):
        self.told.append(f"{name} ends: {error}")

    @kshot.hookimpl
    def kshot_batch_started(self, stage, shape, episodes, total, batch):
        assert 0 <= episodes < total
        self.told.append(f"{stage} {shape} {len(batch)}")

    @kshot.hookimpl
    def kshot_inner_step(self, step, values):
        assert values()["loss/support"].shape[0] > 0
        assert not values()["loss/support"].requires_grad
        self.told.append(f"step {step}")

    @kshot.hookimpl
    def kshot_noted(self, name, values):
        assert all(bool(torch.isfinite(one).all()) for one in values().values())
        self.told.append(name)

    @kshot.hookimpl
    def kshot_batch_finished(self, stage, loss):
        assert loss.ndim == 0
        self.told.append(f"{stage} done")


@pytest.mark.slow
@pytest.mark.parametrize("cores", [1, 2])
def test_a_watched_run_gives_the_same_numbers_to_the_bit(site: Site, tmp_path: Path, cores: int) -> None:
    site.install("counting")
    config = tmp_path / "toy.yaml"
    described = {
        "name": "watched",
        "sources": {"toy": None},
        "encoders": {"toy": "toy_encoder"},
        "learners": [
            "prototypical",
            "matching",
            {"use": "maml", "inner_steps": 2, "strategy": "loop"},
            {"use": "meta_lstm", "inner_steps": 2, "strategy": "loop"},
        ],
        "train": {"episodes": 24, "meta_batch": 3, "validations": 1, "validation_episodes": 3},
        "evaluate": {"shapes": ["5w1s"], "queries": 3, "episodes": 7},
    }
    config.write_text(yaml.safe_dump(described))
    found = {}
    for name, more in (("watched", ["--observe"]), ("plain", [])):
        arguments = [
            "-m",
            "kshot",
            "bench",
            str(config),
            "--out",
            str(tmp_path / name),
            "--device",
            "cpu",
            *more,
        ]
        done = site.run(*arguments, COUNTS=str(tmp_path / "counts.json"), OMP_NUM_THREADS=str(cores))
        assert done.returncode == 0, done.stderr
        cells = json.loads((tmp_path / name / "results.json").read_text())["cells"]
        found[name] = [
            ([point["loss"] for point in cell["curve"]], [one["accuracy"] for one in cell["scores"]])
            for cell in cells
        ]
    assert found["watched"] == found["plain"]
    inside = {
        path.parent.name.split(".")[0]: json.loads(path.read_text()) for path in tmp_path.rglob("inside.json")
    }
    assert set(inside) == {"matching", "maml", "meta_lstm"}
    maml = [one for one in inside["maml"]["moments"] if one["stage"] == "evaluate"]
    assert [len(steps) for steps in (maml[0]["steps"]["loss/query"], maml[0]["steps"]["loss/support"])] == [
        3,
        3,
    ]
    assert any("gate" in name for one in inside["meta_lstm"]["moments"] for name in one["steps"])
    assert "Inside the learners" in (tmp_path / "watched" / "report.html").read_text()
    assert "Inside the learners" not in (tmp_path / "plain" / "report.html").read_text()


def test_hooks_inside_a_computation_tell_what_learners_note(tmp_path: Path) -> None:
    from kshot.benchmark import run_benchmark

    from tests.integration.conftest import plan, toy_registry

    registry, looking = toy_registry(), Looking()
    planned = plan(
        registry,
        learners=["matching", {"use": "maml", "inner_steps": 2}],
        train={"episodes": 4, "meta_batch": 2, "validations": 1, "validation_episodes": 2},
        evaluate={"shapes": ["5w1s"], "queries": 2, "episodes": 3},
    )
    with registry.observing(looking):
        run_benchmark(planned, tmp_path, "x", torch.device("cpu"))
    assert {"train 5w1s 2", "train done", "evaluate 5w1s 3", "evaluate done", "step 0", "step 1"} <= set(
        looking.told
    )
    assert "attention" in looking.told
    assert looking.told.count("train done") == 2 * 2
    assert {"validated after 4", "evaluated by 3 5w1s"} <= set(looking.told)


def test_observers_hear_that_a_run_ends_before_its_time(tmp_path: Path) -> None:
    from kshot.benchmark import run_benchmark

    from tests.integration.conftest import plan, toy_registry

    class Stopping(Looking):
        @kshot.hookimpl
        def kshot_cell_started(self, cell):
            raise KeyboardInterrupt

    registry, stopping = toy_registry(), Stopping()
    with registry.observing(stopping), pytest.raises(KeyboardInterrupt):
        run_benchmark(plan(registry), tmp_path, "x", torch.device("cpu"))
    assert stopping.told[-1].endswith("ends: it was asked to stop")
