"""Shared by all tests: caches of their own, real data, one thread a process, distributions as pip leaves them."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

# What failed once fails again; the long forms say that they draw anew.
settings.register_profile("repeated", deadline=None, derandomize=True)
settings.load_profile("repeated")

SOURCES = Path(__file__).parent / "plugins" / "distributions"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tests run side by side; two threads each would fight for the cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's caches are neither read nor written; processes that run side by side share what is made."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("KSHOT_CACHE", "HF_DATASETS_CACHE"):
            patch.setenv(variable, str(folder / variable))
        if "datasets" in sys.modules:  # which has looked at its variable already
            patch.setattr(
                sys.modules["datasets"].config, "HF_DATASETS_CACHE", os.environ["HF_DATASETS_CACHE"]
            )
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real data beside the repository; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("KSHOT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KSHOT_TEST_DATA to its folder")
    return folder


@dataclass(frozen=True)
class Site:
    """A folder on the import path, in place of ``site-packages``."""

    folder: Path

    def install(self, *names: str) -> None:
        """Install fixture distributions by the names of their folders."""
        for name in names:
            source = SOURCES / name
            for module in source.glob("*.py"):
                shutil.copy(module, self.folder)
            self._write_metadata(tomllib.loads((source / "pyproject.toml").read_text())["project"])
        importlib.invalidate_caches()

    def _write_metadata(self, project: dict) -> None:
        info = self.folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        requires = [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {project['name']}",
            f"Version: {project['version']}",
            *requires,
        ]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        points = [f"{name} = {value}" for name, value in project["entry-points"]["kshot"].items()]
        (info / "entry_points.txt").write_text("\n".join(["[kshot]", *points]) + "\n")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``python …`` in a process of its own that sees the installed fixtures."""
        with self.start(*arguments, **variables) as process:
            try:
                out, err = process.communicate(timeout=300)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start ``python …`` likewise, and do not wait for it."""
        kept = os.environ.items()
        clean = {
            name: value for name, value in kept if name == "KSHOT_CACHE" or not name.startswith("KSHOT_")
        }
        path = os.pathsep.join([str(self.folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**clean, "PYTHONPATH": path, **variables},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty site that this process sees too; what was imported from it is forgotten after."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    for variable in ("KSHOT_PLUGINS", "KSHOT_DISABLE_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    yield Site(folder)
    for name in [name for name in sys.modules if name.startswith("kshot_fixture_")]:
        del sys.modules[name]
