"""Commands in processes of their own that can be caught at a moment: held still there, or killed."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from kshot.cli import main
from safetensors import safe_open

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

DEADLINE = 600.0
"""Seconds after which a moment that has not come is given up."""

_EVENT = re.compile(r"^event (\d+) (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of kshot whose events are counted.

    Attributes:
        site: where the plugin is installed that counts them.
        arguments: of ``kshot``.
        folder: the files below are events.
        variables: of the environment.
    """

    site: Site
    arguments: tuple[str, ...]
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def at(self, after: int, like: str) -> tuple[subprocess.Popen[str], str]:
        """Start it and wait until it stands still at a moment; also what it said of that."""
        process = self.start(MOMENT_AFTER=str(after), MOMENT_LIKE=like)
        assert process.stdout is not None
        overdue = threading.Timer(DEADLINE, process.kill)
        overdue.start()
        try:
            for line in process.stdout:
                if line.startswith("moment "):
                    return process, line.removeprefix("moment ").strip()
        finally:
            overdue.cancel()
        process.kill()
        _, err = process.communicate()
        raise AssertionError(f"no event like {like!r} from number {after} on: {err}")

    def kill(self, after: int, like: str = "", delay: float | None = None) -> str:
        """Kill it at a moment by SIGKILL, or so many seconds later; what it said of the moment."""
        if delay is None:
            process, moment = self.at(after, like)
            process.kill()
            process.communicate()
            return moment
        process = self.start(MOMENT_AFTER=str(after), MOMENT_LIKE=like, MOMENT_DELAY=str(delay))
        out, err = process.communicate(timeout=1800)
        said = [line for line in out.splitlines() if line.startswith("moment ")]
        assert said, f"no event like {like!r} from number {after} on: {err}"
        assert process.returncode == -signal.SIGKILL, err
        return f"{said[0].removeprefix('moment ')}, {1000 * delay:.1f} ms later"

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(**variables)
        done, err = process.communicate(timeout=1800)
        return subprocess.CompletedProcess(process.args, process.returncode, done, err)

    def here(self) -> None:
        """Run it to its end, in this process, which has everything imported already."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"KSHOT_CACHE": str(self.site.folder / "cache"), **self.variables}.items():
                patch.setenv(name, value)
            assert main(self.arguments) == 0

    def events(self, like: str = "") -> list[int]:
        """Run it to its end; the numbers of its events whose label matches."""
        done = self.run(MOMENT_LOG="yes")
        assert done.returncode == 0, done.stderr
        return [int(number) for number, label in _EVENT.findall(done.stdout) if re.search(like, label)]

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """Start it, and do not wait."""
        own = {"KSHOT_CACHE": str(self.site.folder / "cache"), "OMP_NUM_THREADS": "1", **self.variables}
        return self.site.start(
            "-m", "kshot", *self.arguments, MOMENT_FOLDER=str(self.folder), **own, **variables
        )


@dataclass(frozen=True)
class Bench:
    """``kshot bench`` of one configuration."""

    site: Site
    config: Path
    options: tuple[str, ...] = ()

    def command(self, out: Path) -> Command:
        """Into a folder, whose files are events."""
        arguments = ("bench", str(self.config), "--out", str(out), "--device", "cpu", *self.options)
        return Command(self.site, arguments, out)

    def at(self, out: Path, after: int, like: str) -> tuple[subprocess.Popen[str], str]:
        """Start it and wait until it stands still at a moment; also what it said of that."""
        return self.command(out).at(after, like)

    def kill(self, out: Path, after: int, like: str, delay: float | None = None) -> str:
        """Kill it at a moment by SIGKILL, or so many seconds later."""
        return self.command(out).kill(after, like, delay)

    def run(self, out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self.command(out).run(**variables)

    def here(self, out: Path) -> None:
        """Run it to its end, in this process."""
        self.command(out).here()


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> Bench:
    """A benchmark on the toy, one cell."""
    site.install("moments")
    # Commands that load no plugin are watched too.
    (site.folder / "sitecustomize.py").write_text("import kshot_fixture_moments\n")
    config = tmp_path / "watched.yaml"
    config.write_text(yaml.safe_dump(CONFIGURATION))
    return Bench(site, config)


def is_temporary(path: Path) -> bool:
    """True for a file that a writer replaces another by, or the tensor library within it."""
    return path.name.endswith(".part") or path.name.startswith(".tmp")


def check_whole(folder: Path) -> None:
    """No file of a folder is half written; temporary ones, which nobody reads, may be."""
    for path in folder.rglob("*"):
        if path.is_file() and not is_temporary(path) and path.name != ".lock":
            _READERS[path.suffix](path)


def _tensors(path: Path) -> None:
    with safe_open(path, framework="pt") as stored:
        for name in stored.keys():  # noqa: SIM118
            stored.get_tensor(name)


def _arrays(path: Path) -> None:
    with np.load(path) as stored:
        for name in stored.files:
            assert stored[name] is not None


def _ends_with(end: str) -> Callable[[Path], None]:
    def check(path: Path) -> None:
        assert path.read_text().endswith(end), path

    return check


_READERS: Mapping[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".yaml": lambda path: yaml.safe_load(path.read_text()),
    ".safetensors": _tensors,
    ".kshot": _tensors,
    ".npz": _arrays,
    ".html": _ends_with("</html>\n"),
    ".csv": _ends_with("\n"),
    ".md": _ends_with("\n"),
    ".tex": _ends_with("\n"),
    ".txt": _ends_with("\n"),
}
