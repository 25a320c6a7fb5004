"""What an earlier run left is taken up where all that it depends on is the same, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from kshot import hookimpl
from kshot.benchmark.run import surroundings
from kshot.learners.prototypical import Prototypical
from kshot.registry import Registry
from kshot.shapes import SPLITS
from kshot.testing import Toy

from .conftest import configuration, plan, run, toy_registry

SHORT: dict[str, Any] = {
    "train": {"episodes": 0},
    "evaluate": {"shapes": ["3w1s"], "queries": 2, "episodes": 4},
}
TRAIN: dict[str, Any] = configuration()["train"]
EVALUATE: dict[str, Any] = configuration()["evaluate"]


class Finished:
    """An observer that counts the cells that are computed."""

    def __init__(self) -> None:
        self.cells: list[str] = []

    @hookimpl
    def kshot_cell_finished(self, cell: str) -> None:
        self.cells.append(cell)


def registry(version: str = "1.0", **factories: str) -> Registry:
    """The toy's, in a version, with other factories for some of its names."""
    whole = toy_registry()
    entries = [
        replace(one, spec=replace(one.spec, factory=factories.get(one.name, one.spec.factory)))
        for kind in ("encoders", "sources", "learners", "metrics")
        for one in whole.entries(kind)
    ]
    return Registry(whole.manager, [replace(one, version=version) for one in whole.plugins], entries)


OTHER = {
    "version": registry("1.1"),
    "encoder": registry(toy_encoder="kshot.testing:toy_encoder"),
    "source": registry(toy="kshot.testing:Toy"),
    "learner": registry(prototypical="kshot.learners.simpleshot:SimpleShot"),
}


def left(folder: Path, registry: Registry | None = None, **changes: Any) -> tuple[str, str]:
    """Under what an unfinished training is kept, and the name of the encoder that it begins with."""
    made = plan(registry, **{"pretrain": {"epochs": 3}, **changes})
    around = surroundings(made, folder, torch.device("cpu"), lambda *_, **__: None)
    [cell] = made.cells
    return around.checkpoint(cell).key, around.pretrained(cell, "linear").path.name


@pytest.mark.parametrize(
    ("changes", "training", "pretraining"),
    [
        ({}, False, False),
        ({"learners": [{"id": "prototypical", "use": "prototypical", "learn_scale": True}]}, True, False),
        ({"encoders": {"toy": {"id": "toy_encoder", "use": "toy_encoder", "train": "last"}}}, True, True),
        ({"encoders": {"toy": {"id": "toy_encoder", "use": "toy_encoder", "dim": 8}}}, True, True),
        ({"sources": {"toy": {"noise": 2.0}}}, True, True),
        ({"seeds": [1]}, True, True),
        ({"pretrain": {"epochs": 4}}, True, True),
        ({"train": {**TRAIN, "learning_rate": 0.1}}, True, False),
        ({"train": {**TRAIN, "episodes": 80}}, False, False),
        ({"evaluate": {**EVALUATE, "batch_statistics": "query"}}, True, False),
        ({"evaluate": {**EVALUATE, "episodes": 41, "seed": 1}}, False, False),
        ({"registry": OTHER["version"]}, True, True),
        ({"registry": OTHER["encoder"]}, True, True),
        ({"registry": OTHER["source"]}, True, True),
        ({"registry": OTHER["learner"]}, True, False),
    ],
)
def test_what_was_trained_is_known_by_all_that_it_depends_on(
    tmp_path: Path, changes: dict[str, Any], training: bool, pretraining: bool
) -> None:
    before, after = left(tmp_path), left(tmp_path, **changes)
    assert [one != two for one, two in zip(before, after, strict=True)] == [training, pretraining]


def test_a_start_is_known_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    def begun(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return left(tmp_path, train={**TRAIN, "start": str(tmp_path / name)})[0]

    one, moved, other = begun("one", b"1"), begun("moved", b"1"), begun("other", b"2")
    assert one == moved
    assert len({one, other, left(tmp_path)[0]}) == 3


def test_encoders_of_two_heads_are_two(tmp_path: Path) -> None:
    made = plan(pretrain={"epochs": 3})
    around = surroundings(made, tmp_path, torch.device("cpu"), lambda *_, **__: None)
    [cell] = made.cells
    assert len({around.pretrained(cell, head).path for head in ("linear", "cosine")}) == 2


@pytest.mark.parametrize("schedule", ["cosine", "halving"])
def test_a_schedule_that_looks_at_the_length_does_not_go_on_from_a_shorter_one(
    tmp_path: Path, schedule: str
) -> None:
    short, long = (left(tmp_path, train={**TRAIN, "schedule": schedule, "episodes": n}) for n in (60, 80))
    assert short[0] != long[0]


@pytest.mark.parametrize("changes", [{"shapes": ["3w1s"]}, {"seed": 1}])
def test_what_validates_is_part_of_a_training_that_it_may_stop(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    train = {**TRAIN, "patience": 2}
    one, two = (left(tmp_path, train=train, evaluate={**EVALUATE, **more}) for more in ({}, changes))
    assert one[0] != two[0]


def other_content(monkeypatch: pytest.MonkeyPatch, *splits: str) -> None:
    whole = Toy.catalogue

    def catalogue(self: Toy, split: Any) -> Any:
        found = whole(self, split)
        return replace(found, fingerprint="other") if split in splits else found

    monkeypatch.setattr(Toy, "catalogue", catalogue)


def test_other_examples_under_the_same_options_are_another_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = left(tmp_path)
    other_content(monkeypatch, "train")
    assert all(one != two for one, two in zip(before, left(tmp_path), strict=True))


@pytest.mark.parametrize("split", SPLITS)
def test_a_cell_of_other_examples_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    run(tmp_path, **SHORT)
    other_content(monkeypatch, split)
    assert len(computed(tmp_path)) == 1


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, 0),
        ({"registry": OTHER["version"]}, 1),
        ({"registry": OTHER["encoder"]}, 1),
        ({"registry": OTHER["source"]}, 1),
        ({"registry": OTHER["learner"]}, 1),
        ({"pretrain": {"epochs": 1}}, 1),
        ({"evaluate": {**SHORT["evaluate"], "metrics": ["cross_entropy"]}}, 1),
        ({"evaluate": {**SHORT["evaluate"], "seed": 1}}, 1),
    ],
)
def test_a_cell_is_computed_again_where_its_figures_may_be_others(
    tmp_path: Path, changes: dict[str, Any], again: int
) -> None:
    run(tmp_path, **SHORT)
    assert len(computed(tmp_path, **changes)) == again


def test_a_cell_that_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("no")

    with monkeypatch.context() as broken:
        broken.setattr(Prototypical, "compare", refuse)
        [cell] = run(tmp_path, **SHORT).cells
        assert cell.status == "failed"
    assert len(computed(tmp_path)) == 1


def computed(folder: Path, registry: Registry | None = None, **changes: Any) -> Sequence[str]:
    """The cells that a second run computes."""
    asked, finished = registry or toy_registry(), Finished()
    with asked.observing(finished):
        run(folder, asked, **{**SHORT, **changes})
    return finished.cells
