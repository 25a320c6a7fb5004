"""Wheels built from this checkout work in an environment of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that borrows this one's libraries, with wheels of the four distributions."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    site = Path(
        _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    )
    # Six gigabytes of libraries are borrowed; what is installed here comes first on the path.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    plugins = [ROOT / "plugins" / name for name in ("image", "audio", "text")]
    good = folder / "good"  # setuptools builds inside the source tree
    shutil.copytree(ROOT / "tests" / "plugins" / "distributions" / "good", good)
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"]
    _run(*install, "--ignore-installed", ROOT, *plugins, good, cwd=folder)
    return folder


@pytest.mark.slow
def test_installed_wheels_bring_every_plugin_and_every_file(fresh: Path) -> None:
    kshot = fresh / "venv" / "bin" / "kshot"
    plugins = {one["name"]: one for one in json.loads(_run(kshot, "plugins", "--json", cwd=fresh))["plugins"]}
    assert {"image", "audio", "text", "good"} <= set(plugins)
    assert all(plugins[name]["error"] is None for name in ("image", "audio", "text", "good"))
    where = _run(fresh / "venv" / "bin" / "python", "-c", "import kshot; print(kshot.__file__)", cwd=fresh)
    assert str(fresh) in where, "the wheel is tested, not the checkout"


@pytest.mark.slow
def test_an_installed_wheel_runs_a_benchmark_to_its_report(fresh: Path) -> None:
    (fresh / "tiny.yaml").write_text(
        "{name: tiny, sources: {pydocs: {}}, encoders: {text: tfidf}, learners: [prototypical], "
        "evaluate: {shapes: [5w1s], episodes: 20}}"
    )
    out = _run(fresh / "venv" / "bin" / "kshot", "bench", "tiny.yaml", "--device", "cpu", cwd=fresh)
    assert "nothing to train" in out
    [cell] = json.loads((fresh / "runs" / "tiny" / "results.json").read_text())["cells"]
    assert cell["scores"][0]["accuracy"] > 0.3
    assert (fresh / "runs" / "tiny" / "report.html").stat().st_size > 10_000
