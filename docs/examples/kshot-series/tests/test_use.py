"""As a user: a benchmark to its report, and a classifier of one's own curves."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from kshot import FewShotClassifier
from kshot.cli import main
from kshot_series.processes import Processes

LEARNERS = {"prototypical", "matching", "siamese", "maml", "meta_lstm", "simpleshot", "linear_probe"}
TINY = [
    "sources.processes.per_class=12",
    "sources.processes.laws=2",
    "encoders.series=[{use: tcn, width: 8, blocks: 2, dim: 16}, autocorrelation]",
    "train.episodes=12",
    "train.validations=1",
    "train.validation_episodes=4",
    "evaluate.episodes=20",
    "evaluate.queries=5",
    "evaluate.shapes=[5w1s]",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped benchmark, made small, and its report."""
    folder = tmp_path_factory.mktemp("run")
    settings = [word for one in TINY for word in ("--set", one)]
    shipped = Path(__file__).parents[1] / "configs" / "series.yaml"
    assert main(["bench", str(shipped), "--out", str(folder), "--device", "cpu", *settings]) == 0
    return folder


def test_all_learners_join_the_benchmark(run: Path) -> None:
    cells = json.loads((run / "results.json").read_text())["cells"]
    trained = {cell["learner"] for cell in cells if cell["encoder"] == "tcn"}
    assert trained == LEARNERS
    assert all(cell["modality"] == "series" for cell in cells)
    baseline = next(cell for cell in cells if cell["encoder"] == "autocorrelation")
    assert baseline["scores"][0]["accuracy"] > 0.35, "chance is 0.2"


def test_the_report_shows_curves(run: Path) -> None:
    page = (run / "report.html").read_text()
    episodes = page[page.index('id="episodes-title"') :]
    pictures = re.findall(r'<img[^>]*src="data:image/png;base64,([^"]+)"[^>]*alt="([^"]*)"', episodes)
    assert len(pictures) > 20
    drawn = [base64.b64decode(content) for content, _ in pictures]
    assert all(content[:8] == b"\x89PNG\r\n\x1a\n" for content in drawn)
    assert {content[16:24] for content in drawn} == {(240).to_bytes(4, "big") + (100).to_bytes(4, "big")}
    assert any(re.search(r"(chaos|ramps|bursts)-\d\d", description) for _, description in pictures)
    assert "not a PNG picture" not in page


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Curves of three machines as a user has them: a folder of CSV files each."""
    folder = tmp_path_factory.mktemp("machines")
    source = Processes(laws=1, per_class=12, noise=0.1)
    catalogue = source.catalogue("test")
    for position, label in enumerate(catalogue.labels):
        path = folder / catalogue.classes[label] / f"{position:02d}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(str(value) for value in source.fetch(int(catalogue.rows[position]))[:, 0]))
    return folder


def test_a_classifier_of_curves(machines: Path) -> None:
    files = sorted(machines.glob("*/*.csv"))
    known = [one for i, one in enumerate(files) if i % 12 < 6]
    asked = [one for one in files if one not in known]
    classifier = FewShotClassifier(encoder="autocorrelation").fit(known, [one.parent.name for one in known])
    right = [said == one.parent.name for said, one in zip(classifier.predict(asked), asked, strict=True)]
    assert sum(right) >= 13, "18 were asked, chance is 6"
    assert classifier.predict([[0.0, 1.0] * 30]).shape == (1,), "numbers serve as well as files"


def test_the_same_on_the_command_line(
    machines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "machines.kshot"
    assert main(["fit", str(machines), "--encoder", "autocorrelation", "--out", str(file)]) == 0
    one = next(iter(sorted(machines.glob("ramps-*/*.csv"))))
    capsys.readouterr()
    assert main(["predict", str(file), str(one)]) == 0
    assert "ramps-00" in capsys.readouterr().out
