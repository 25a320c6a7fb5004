"""The author guide: each command of it runs, from an empty folder to a built distribution."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks_of
from tests.fresh import run, wheels

GUIDE = DOCS / "plugins" / "README.md"


def test_what_is_not_run_is_what_needs_an_index_or_an_account() -> None:
    """Only the installation from PyPI and the upload to it may stand in a block that is not run."""
    assert {block.reason: block.code.splitlines()[-1] for block in blocks_of(GUIDE) if block.reason} == {
        "needs the network": "python -m pip install kshot kshot-image",
        "needs an account": "twine upload dist/*",
    }


@pytest.mark.slow
def test_the_guide_runs_by_copy_and_paste(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = tmp_path / "environment"
    wheels(tmp_path_factory).environment(environment, "kshot", "kshot-image")
    commands = [block.code for block in blocks_of(GUIDE) if block.language == "sh" and not block.reason]
    folder = tmp_path / "work"
    folder.mkdir()
    said = run("bash", "-ec", "\n".join(commands), cwd=folder, folder=environment, timeout=900)
    assert "rings" in said
    assert "kshot_rings/encoder.py" in said.split("python -m pytest")[-1]
    made = folder / "kshot-rings"
    assert (made / "runs" / "rings" / "report.html").exists()
    assert "rings saw " in said, "the hook that the guide adds was called"
    assert "pixels" in (made / "rings.log").read_text()
    assert len(list((made / "dist").iterdir())) == 2
