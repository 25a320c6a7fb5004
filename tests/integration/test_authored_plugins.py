"""Others' distributions, the examples and what ``kshot plugins new`` writes, pass their own tests where
nothing but wheels is installed: their dependencies by their own metadata, the benchmark among their tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from kshot.cli import main

from tests.fresh import EXAMPLES, Wheels, run, wheels

GENERATED = {
    "kshot-rings": ("encoder", "image"),
    "kshot-hum": ("encoder", "audio"),
    "kshot-bag": ("encoder", "text"),
    "kshot-warped": ("learner", ""),
    "kshot-weather": ("modality", ""),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Wheels:
    return wheels(tmp_path_factory)


def _passes_its_tests(name: str, source: Path, built: Wheels, folder: Path) -> None:
    python = built.environment(folder / "environment", f"{name}[test]")
    where = folder / "elsewhere"  # the tests see the wheel: there is no package beside them
    for part in ("tests", "configs", "benchmark.yaml", "pyproject.toml"):
        if (source / part).is_dir():
            shutil.copytree(source / part, where / part)
        elif (source / part).exists():
            where.mkdir(exist_ok=True)
            shutil.copy(source / part, where / part)
    environment = folder / "environment"
    run(python, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", cwd=where, folder=environment)
    found = json.loads(run("kshot", "plugins", "--json", cwd=where, folder=environment))
    [plugin] = [one for one in found["plugins"] if one["distribution"] == name]
    assert plugin["error"] is None
    assert found["conflicts"] == []


@pytest.mark.slow
@pytest.mark.parametrize("source", EXAMPLES, ids=lambda path: path.name)
def test_an_example_passes_its_tests(source: Path, built: Wheels, tmp_path: Path) -> None:
    _passes_its_tests(source.name, source, built, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_passes_its_tests(name: str, built: Wheels, tmp_path: Path) -> None:
    kind, modality = GENERATED[name]
    options = ["--modality", modality] if modality else []
    assert main(["plugins", "new", name, "--kind", kind, "--out", str(tmp_path), *options]) == 0
    built.build([tmp_path / name])
    _passes_its_tests(name, tmp_path / name, built, tmp_path)
