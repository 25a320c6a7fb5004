"""The author guide: each command of it runs, from an empty folder to a built distribution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fresh import ROOT, run, wheels

GUIDE = ROOT / "docs" / "plugins" / "README.md"
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_what_is_not_run_is_what_needs_an_index_or_an_account() -> None:
    """Only the installation from PyPI and the upload to it may stand in a block that is not run."""
    shown = [code for kind, code in BLOCK.findall(GUIDE.read_text()) if kind == "console"]
    assert [code.splitlines()[-1] for code in shown] == [
        "python -m pip install kshot kshot-image",
        "twine upload dist/*",
    ]


@pytest.mark.slow
def test_the_guide_runs_by_copy_and_paste(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = tmp_path / "environment"
    wheels(tmp_path_factory).environment(environment, "kshot", "kshot-image")
    script = "\n".join(["set -e", *(code for kind, code in BLOCK.findall(GUIDE.read_text()) if kind == "sh")])
    folder = tmp_path / "work"
    folder.mkdir()
    said = run("bash", "-c", script, cwd=folder, folder=environment)
    assert "rings" in said
    assert "kshot_rings/encoder.py" in said.split("python -m pytest")[-1]
    assert (folder / "kshot-rings" / "runs" / "rings" / "report.html").exists()
    assert len(list((folder / "kshot-rings" / "dist").iterdir())) == 2
