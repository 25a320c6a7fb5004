"""The code blocks of the documentation run, and its configurations are valid."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from kshot import config

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")],
    key=lambda path: path.as_posix(),
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[object]:
    found = []
    for page in PAGES:
        matching = [code for name, code in BLOCK.findall(page.read_text()) if name == language]
        found += [pytest.param(code, id=f"{page.relative_to(ROOT)}#{n}") for n, code in enumerate(matching)]
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", blocks("yaml"))
def test_yaml_blocks_are_valid_configurations(code: str, tmp_path: Path) -> None:
    for shipped in (ROOT / "configs").glob("*.yaml"):  # what a block includes lies beside it
        shutil.copy(shipped, tmp_path)
    path = tmp_path / "block.yaml"
    path.write_text(code)
    configuration, problems = config.check(config.read(path))
    assert configuration is not None
    assert problems == []


@pytest.mark.parametrize("code", blocks("toml"))
def test_toml_blocks_parse(code: str) -> None:
    assert tomllib.loads(code)


def test_there_are_blocks_to_run() -> None:
    """A pattern that finds nothing would let every block rot."""
    assert len(blocks("python")) >= 2
    assert len(blocks("yaml")) >= 2


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
