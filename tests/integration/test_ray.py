"""Cells on a Ray cluster of this machine: same results as here, whatever happens to a worker."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import results

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed; pip install 'kshot[ray]'"
)

PLUGIN = '''
import os
from pathlib import Path

import kshot

KSHOT_API = 1


@kshot.hookimpl
def kshot_sources():
    return [kshot.SourceSpec("toy", "separable vectors", "kshot.testing.toy:Toy", modality="toy")]


@kshot.hookimpl
def kshot_encoders():
    return [
        kshot.EncoderSpec("toy_encoder", "a perceptron", "kshot.testing.toy:toy_encoder", modality="toy"),
        kshot.EncoderSpec("deadly", "ends its process", "kshot_ray_fixture:deadly", modality="toy"),
    ]


@kshot.hookimpl
def kshot_cell_started(cell, stage):
    with Path(os.environ["EVENTS"]).open("a") as file:
        print(os.getpid(), cell, stage, file=file)


def deadly(*, marker: str, times: int):
    """An encoder that ends its process as often as asked for; ``marker`` counts, by a byte each."""
    from kshot.testing import toy_encoder

    path = Path(marker)
    died = path.stat().st_size if path.exists() else 0
    if died < times:
        path.write_bytes(bytes(died + 1))
        os._exit(1)
    return toy_encoder()
'''


def bench(folder: Path, *options: str, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run ``kshot bench`` on a configuration over the toy, which comes as an installed plugin."""
    site = folder / "site"
    info = site / "kshot_ray_fixture-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (site / "kshot_ray_fixture.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kshot-ray-fixture\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kshot]\nray_fixture = kshot_ray_fixture\n")
    content = {
        "name": "spread",
        "seeds": [0, 1],
        "sources": {"toy": None},
        "encoders": {"toy": "toy_encoder"},
        "learners": ["prototypical", {"use": "maml", "inner_steps": 1}],
        "train": {"episodes": 40, "meta_batch": 4, "learning_rate": 0.003, "validations": 2},
        "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 40},
        **changes,
    }
    config = folder / "spread.yaml"
    config.write_text(yaml.safe_dump(content))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
        "OMP_NUM_THREADS": "1",
        "EVENTS": str(folder / "events.txt"),
        "KSHOT_CACHE": str(folder / "cache"),
        "KSHOT_PLUGINS": "ray_fixture",
    }
    return subprocess.run(
        [sys.executable, "-m", "kshot", "bench", str(config), "--device", "cpu", *options],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@needs_ray
@pytest.mark.slow
def test_a_cluster_gives_the_same_results(tmp_path: Path) -> None:
    for out, engine in (("here", "local"), ("there", "ray")):
        ended = bench(tmp_path, "--out", str(tmp_path / out), "--engine", engine, "--observe")
        assert ended.returncode == 0, ended.stdout + ended.stderr
    here, there = (results.without_times(results.load(tmp_path / out)) for out in ("here", "there"))
    assert len(there.cells) == 4
    assert here == there
    seen = [sorted((tmp_path / out).glob("cells/maml.*/inside.json")) for out in ("here", "there")]
    assert [len(paths) for paths in seen] == [2, 2]
    for own, other in zip(*seen, strict=True):
        assert own.read_bytes() == other.read_bytes(), "the observer is where the cell is computed"
    lines = (tmp_path / "events.txt").read_text().splitlines()
    assert len(lines) == 2 * 4 * 3, "three stages a cell, each told once, wherever it runs"
    assert len({line.split()[0] for line in lines}) == 2, "all of them told where the run was started"
    again = bench(tmp_path, "--out", str(tmp_path / "there"), "--engine", "ray")
    assert "4 cells, 4 of them finished already" in again.stdout


@needs_ray
@pytest.mark.slow
def test_a_killed_worker_costs_a_retry_and_too_many_cost_the_cell(tmp_path: Path) -> None:
    encoders = [
        "toy_encoder",
        {"id": "once", "use": "deadly", "marker": str(tmp_path / "once"), "times": 1},
        {"id": "ever", "use": "deadly", "marker": str(tmp_path / "ever"), "times": 100},
    ]
    ended = bench(
        tmp_path, "--out", str(tmp_path / "out"), "--engine", "ray",
        seeds=[0], learners=["prototypical"], encoders={"toy": encoders},
    )  # fmt: skip
    assert ended.returncode == 1, ended.stdout + ended.stderr
    cells = {cell.encoder: cell for cell in results.without_times(results.load(tmp_path / "out")).cells}
    assert {name: cell.status for name, cell in cells.items()} == {
        "toy_encoder": "finished",
        "once": "finished",
        "ever": "failed",
    }
    assert cells["once"].scores == cells["toy_encoder"].scores
    assert "its worker died, 3 times again after the first" in (cells["ever"].error or "")
    assert (tmp_path / "ever").stat().st_size == 4


def test_an_address_needs_the_engine(tmp_path: Path) -> None:
    ended = bench(tmp_path, "--address", "auto")
    assert ended.returncode == 2
    assert "--address is that of a Ray cluster; add --engine ray" in ended.stderr


def test_without_ray_one_line_tells_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "site" / "ray").mkdir(parents=True)
    (tmp_path / "site" / "ray" / "__init__.py").write_text("raise ImportError('not here')")
    ended = bench(tmp_path, "--engine", "ray")
    assert ended.returncode == 2
    assert ended.stderr == 'kshot: --engine ray: Ray is not installed; pip install "kshot[ray]"\n'
