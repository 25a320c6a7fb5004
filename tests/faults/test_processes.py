"""One of several processes that train together is killed: one message, and the run goes on to the same figures."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import results

from tests.conftest import Site

from .conftest import check_whole

CONFIGURATION: dict[str, Any] = {
    "name": "together",
    "sources": {"toy": None},
    "encoders": {"toy": "deadly"},
    "learners": [{"use": "prototypical", "train": {"checkpoint_seconds": 0.0}}],
    "train": {
        "episodes": 48,
        "meta_batch": 4,
        "learning_rate": 0.003,
        "validations": 3,
        "validation_episodes": 4,
    },
    "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 10},
}
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "kshot", "bench")


@pytest.mark.slow
def test_a_killed_process_ends_the_run_and_the_same_command_goes_on(site: Site, tmp_path: Path) -> None:
    site.install("faulty")

    def bench(name: str, marker: Path) -> subprocess.CompletedProcess[str]:
        config = tmp_path / f"{name}.yaml"
        config.write_text(
            yaml.safe_dump(CONFIGURATION | {"encoders": {"toy": {"use": "deadly", "marker": str(marker)}}})
        )
        arguments = (*LAUNCH, str(config), "--device", "cpu", "--out", str(tmp_path / name))
        process = site.start(*arguments, OMP_NUM_THREADS="1", KSHOT_CACHE=str(tmp_path / "cache"))
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    there = tmp_path / "there"
    there.touch()
    assert bench("whole", there).returncode == 0
    marker = tmp_path / "marker"
    killed = bench("torn", marker)
    assert killed.returncode != 0
    assert marker.exists()
    said = [line for line in killed.stderr.splitlines() if line.startswith("kshot: ")]
    assert len(said) == 1, killed.stderr
    # The launcher ends the others; whichever they hear of first.
    assert said[0].startswith(
        ("kshot: a process that trains with this one ended", "kshot: terminated; what is")
    )
    check_whole(tmp_path / "torn")
    assert (tmp_path / "torn" / "cells" / "prototypical.deadly.toy.0" / "checkpoint.safetensors").is_file()
    resumed = bench("torn", marker)
    assert resumed.returncode == 0, resumed.stderr
    [one], [other] = (
        results.without_times(results.load(tmp_path / name)).cells for name in ("whole", "torn")
    )
    assert one.curve == other.curve
    assert [score.accuracy for score in one.scores] == [score.accuracy for score in other.scores]
