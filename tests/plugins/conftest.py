"""Fixture distributions, installed as pip would leave them: modules beside a dist-info folder."""

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

SOURCES = Path(__file__).parent / "distributions"


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
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KSHOT_")}
        return subprocess.run(
            [sys.executable, *arguments],
            env={**clean, "PYTHONPATH": str(self.folder), **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
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
