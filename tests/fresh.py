"""Environments of their own: what is installed in them is wheels, as a user would have them.

The wheels of the house's and of others' distributions are built once for all tests and processes.
Six gigabytes of libraries are borrowed from the environment that runs the tests; everything of
kshot's is left out of what is borrowed, so that pip finds and installs what a distribution asks for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
HOUSE = (ROOT, *(ROOT / "plugins" / name for name in ("image", "audio", "text")))
EXAMPLES = tuple(sorted(path.parent for path in (ROOT / "docs" / "examples").glob("*/pyproject.toml")))


def run(*command: str | Path, cwd: Path, folder: Path | None = None, timeout: float = 300) -> str:
    """Run a command that must succeed; ``folder`` is an environment whose programs come first."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KSHOT_", "PYTEST_")) and name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    if folder is not None:
        clean["PATH"] = f"{folder / 'bin'}{os.pathsep}{clean['PATH']}"
    words = [str(part) for part in command]
    done = subprocess.run(
        words, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=timeout
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@dataclass(frozen=True)
class Wheels:
    """A folder of wheels, and what a new environment borrows.

    Attributes:
        folder: of the wheels.
        libraries: put on the path of each environment.
        builder: Python with what builds wheels.
    """

    folder: Path
    libraries: Path
    builder: Path

    def build(self, sources: Sequence[Path]) -> None:
        """Build wheels of distributions; their folders stay as they are."""
        pip = [sys.executable, "-m", "pip", "--python", self.builder]
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", self.folder]
        run(*pip, "wheel", *options, *sources, cwd=self.folder)

    def environment(self, folder: Path, *requirements: str) -> Path:
        """A new environment with what is required, each dependency found by pip; its Python.

        No index is asked: what is neither a wheel here nor borrowed is an error.
        """
        venv.create(folder, with_pip=False)
        python = folder / "bin" / "python"
        (_purelib(python) / "borrowed.pth").write_text(f"{self.libraries}\n")
        pip = [sys.executable, "-m", "pip", "--python", python]
        run(*pip, "install", "--quiet", "--no-index", "--find-links", self.folder, *requirements, cwd=folder)
        return python


def wheels(factory: pytest.TempPathFactory) -> Wheels:
    """The wheels of the house and of the examples, built by the first process that asks."""
    base = factory.getbasetemp()
    shared = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "fresh"
    made = Wheels(shared / "wheels", shared / "libraries", shared / "builder" / "bin" / "python")
    with FileLock(f"{shared}.lock"):
        if not (shared / "ready").exists():
            shutil.rmtree(shared, ignore_errors=True)
            made.folder.mkdir(parents=True)
            _borrow(made.libraries)
            venv.create(shared / "builder", with_pip=False)
            pip = [sys.executable, "-m", "pip", "--python", made.builder]
            run(*pip, "install", "--quiet", "hatchling>=1.24", "setuptools>=68", cwd=shared)
            made.build([*HOUSE, *EXAMPLES])
            (shared / "ready").touch()
    return made


def _borrow(folder: Path) -> None:
    """Links to all libraries but kshot's own distributions."""
    folder.mkdir()
    for one in Path(sysconfig.get_path("purelib")).iterdir():
        if "kshot" not in one.name and one.suffix != ".pth":
            (folder / one.name).symlink_to(one)


def _purelib(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(python, "-c", code, cwd=python.parent).strip())
