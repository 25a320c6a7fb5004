"""A source's own list of test episodes, from a configuration to results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import pytest
import torch
from kshot import LearnerSpec, SourceSpec, hookimpl
from kshot.cli import main
from kshot.errors import ConfigurationError, DataError
from kshot.interfaces import Presentation, Source, Split
from kshot.learners.prototypical import Prototypical
from kshot.registry import Registry
from kshot.results import Results
from kshot.sampling import Catalogue, Drawn, Sampler
from kshot.shapes import Shape
from kshot.testing import Toy

from .conftest import configuration, run, toy_registry

PUBLISHED = {"seed": 5}
"""What makes the published episodes; a test may publish others."""


@final
class Listed(Source):
    """The toy with a published list; without training classes if asked for."""

    modality = "toy"

    def __init__(self, trains: bool) -> None:
        self._toy = Toy()
        self._trains = trains

    def catalogue(self, split: Split) -> Catalogue:
        if split != "test" and not self._trains:
            raise DataError(f"listed: no {split} classes")
        return self._toy.catalogue(split)

    def fetch(self, row: int) -> Any:
        return self._toy.fetch(row)

    def present(self, raw: Any) -> Presentation:
        return self._toy.present(raw)

    def fixed_episodes(self, split: Split) -> Mapping[str, Drawn]:
        sampler = Sampler(self._toy.catalogue("test"), "test", Shape(4, 2, 3), PUBLISHED["seed"])
        return {"published": sampler.draw(0, 7)} if split == "test" else {}


def listed(*, trains: bool = True) -> Source:
    """The toy with a published list."""
    return Listed(trains)


def seven_way(encoder: torch.nn.Module) -> object:
    """Prototypical networks that claim to serve seven classes only."""
    learner = Prototypical(encoder)
    learner.way = 7
    return learner


def registry() -> Registry:
    return toy_registry(
        ("sources", SourceSpec("listed", "has a list", f"{__name__}:listed", modality="toy")),
        ("learners", LearnerSpec("seven", "seven classes only", f"{__name__}:seven_way")),
    )


def score(folder: Path, known: Registry | None = None, **changes: Any) -> Results:
    settings = {"sources": {"listed": None}, "evaluate": {"shapes": [{"fixed": "published"}]}, **changes}
    return run(folder, known or registry(), **settings)


def test_the_whole_list_is_scored_and_stands_in_the_results(tmp_path: Path) -> None:
    found = score(
        tmp_path, evaluate={"shapes": [{"fixed": "published"}, "4w2s"], "queries": 3, "episodes": 40}
    )
    one, other = found.cells[0].scores
    expected = Sampler(Toy().catalogue("test"), "test", Shape(4, 2, 3), 5).manifest(7)
    assert (one.way, one.shot, one.queries, one.fixed) == (4, 2, 3, "published")
    assert (one.episodes, one.chance, one.manifest) == (7, 0.25, expected)
    assert (other.fixed, other.episodes) == (None, 40)
    assert "listed 4w2s fixed published | listed 4w2s |" in (tmp_path / "results.md").read_text()
    assert json.loads((tmp_path / "samples" / "listed.json").read_text())["shape"] == "4w2s fixed published"
    header, first, *_ = (tmp_path / "results.csv").read_text().splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=False))["fixed"] == "published"


class Validated:
    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def kshot_validated(self, cell: str) -> None:
        self.count += 1


def test_validation_draws_episodes_like_the_training_s(tmp_path: Path) -> None:
    seen, known = Validated(), registry()
    with known.observing(seen):
        [cell] = score(tmp_path, known).cells
    assert cell.trained
    assert seen.count == 2


def test_a_list_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        score(tmp_path, evaluate={"shapes": [{"fixed": "publishd"}]})
    expected = "sources.listed: the source has no list of test episodes 'publishd' (it has: published)"
    assert f"{expected}; did you mean 'published'?" in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"'published' \(it has: none\)"):
        score(tmp_path, sources={"toy": None})


def test_a_source_for_tests_alone(tmp_path: Path) -> None:
    tests_only = {"listed": {"trains": False}}
    with pytest.raises(ConfigurationError, match=r"sources\.listed: listed: no train classes"):
        score(tmp_path, sources=tests_only)
    first, again = (score(tmp_path, sources=tests_only, train={"episodes": 0}) for _ in range(2))
    assert first.cells[0].note == "nothing to train"
    assert again == first, "the second run finds the first one's cell"


def test_another_list_makes_another_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [one] = score(tmp_path, train={"episodes": 0}).cells
    monkeypatch.setitem(PUBLISHED, "seed", 6)
    [other] = score(tmp_path, train={"episodes": 0}).cells
    assert one.scores[0].manifest != other.scores[0].manifest


def test_a_learner_of_another_way_fails_by_name(tmp_path: Path) -> None:
    [cell] = score(tmp_path, learners=["seven"], train={"episodes": 0}).cells
    assert cell.status == "failed"
    assert "serves 7 classes" in (cell.error or "")
    assert "cannot be tested on 4w2s fixed published" in (cell.error or "")


def test_a_head_of_another_way_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"'maml' serves 5 .* cannot be tested on 4w2s fixed published"
    ):
        score(tmp_path, learners=["maml"], train={"episodes": 0})


def test_the_commands_speak_of_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kshot.registry.load_registry", registry)
    path = tmp_path / "x.yaml"
    evaluate = {"shapes": [{"fixed": "published"}, "3w2s"], "queries": 5, "episodes": 40}
    path.write_text(json.dumps(configuration(sources={"listed": None}, evaluate=evaluate)))
    assert main(["check", str(path)]) == 0
    assert main(["bench", str(path), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "scored on all of the source's episodes 'published', 40 episodes of 3w2s with 5 queries" in out
