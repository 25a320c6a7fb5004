"""A run in a process of its own that can be made to stand still at a moment."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Site

CONFIGURATION: dict[str, Any] = {
    "name": "watched",
    "sources": {"toy": None},
    "encoders": {"toy": "watched"},
    "learners": ["prototypical"],
    "train": {
        "episodes": 48,
        "meta_batch": 4,
        "learning_rate": 0.003,
        "validations": 3,
        "validation_episodes": 4,
    },
    "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 10},
}


@dataclass(frozen=True)
class Bench:
    """``kshot bench`` of one configuration."""

    site: Site
    config: Path
    options: tuple[str, ...] = ()

    def at(self, out: Path, after: int, like: str) -> tuple[subprocess.Popen[str], str]:
        """Start it and wait until it stands still at a moment; also what it said of that."""
        process = self._start(out, MOMENT_AFTER=str(after), MOMENT_LIKE=like)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("moment "):
                return process, line.removeprefix("moment ").strip()
        process.kill()
        _, err = process.communicate()
        raise AssertionError(f"no event like {like!r} from number {after} on: {err}")

    def kill(self, out: Path, after: int, like: str) -> str:
        """Kill it at a moment, by SIGKILL."""
        process, moment = self.at(out, after, like)
        process.kill()
        process.communicate()
        return moment

    def run(self, out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self._start(out, **variables)
        done, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, done, err)

    def _start(self, out: Path, **variables: str) -> subprocess.Popen[str]:
        arguments = [
            "-m",
            "kshot",
            "bench",
            str(self.config),
            "--out",
            str(out),
            "--device",
            "cpu",
            *self.options,
        ]
        cache = {"KSHOT_CACHE": str(self.site.folder / "cache"), "OMP_NUM_THREADS": "1"}
        return self.site.start(*arguments, MOMENT_FOLDER=str(out), **cache, **variables)


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> Bench:
    """A benchmark on the toy, one cell."""
    site.install("moments")
    config = tmp_path / "watched.yaml"
    config.write_text(yaml.safe_dump(CONFIGURATION))
    return Bench(site, config)
