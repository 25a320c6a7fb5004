"""What the plugin registers, and that a benchmark runs with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kshot.cli import main
from kshot.registry import load_registry
from kshot.testing import PluginConformance

CONFIGURATIONS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def test_it_is_installed_and_usable() -> None:
    [report] = [one for one in load_registry().plugins if one.distribution == "kshot-relation"]
    assert report.error is None
    assert dict(report.specs) == {"learners": ("relation",)}
    assert load_registry().find("learners", "relation").resolve().__doc__


class TestPlugin(PluginConformance):
    """The contract of every learner, by kshot's own suite, with the defaults."""

    plugin = "kshot-relation"


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, kshot_relation.plugin as p; p.kshot_learners(); "
        "print(*sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda path: path.stem)
def test_a_benchmark_runs_to_its_report(configuration: Path, tmp_path: Path) -> None:
    small = ["--set", "train.episodes=6", "--set", "train.validations=0", "--set", "evaluate.episodes=8"]
    small += ["--set", "evaluate.queries=5"]
    assert main(["bench", str(configuration), "--out", str(tmp_path), "--device", "cpu", *small]) == 0
    cells = json.loads((tmp_path / "results.json").read_text())["cells"]
    assert any(cell["learner"].startswith("relation") for cell in cells)
    assert (tmp_path / "report.html").stat().st_size > 10_000
