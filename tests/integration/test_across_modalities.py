"""Benchmarks across modalities, from configuration to results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from kshot import EncoderSpec, SourceSpec, builtin, results
from kshot.benchmark import data_problems, left_out
from kshot.benchmark.data import Data
from kshot.errors import ConfigurationError
from kshot.registry import Registry

from .conftest import plan, run, toy_registry

SENSES = "kshot.testing.senses"
PARTS = {
    "pictures": {"use": "seen", "classes": 40, "noise": 0.1},
    "sounds": {"use": "heard", "classes": 40, "noise": 0.1},
}
ENCODER = {"use": "joint", "seen": "seeing", "heard": "hearing", "dim": 16}


def registry() -> Registry:
    options = {"options": {"sense": "heard"}}
    return toy_registry(
        ("sources", SourceSpec("seen", "seen things", f"{SENSES}:Sense", modality="seen")),
        ("sources", SourceSpec("heard", "heard things", f"{SENSES}:Sense", modality="heard", **options)),
        ("encoders", EncoderSpec("seeing", "sees", f"{SENSES}:Seeing", modality="seen")),
        ("encoders", EncoderSpec("hearing", "hears", f"{SENSES}:Hearing", modality="heard")),
        *(("encoders", spec) for spec in builtin.kshot_encoders()),
        *(("sources", spec) for spec in builtin.kshot_sources()),
    )


def pair(**options: Any) -> dict[str, Any]:
    return {"use": "aligned", "of": ["pictures", "sounds"], **options}


def configured(**changes: Any) -> dict[str, Any]:
    return {
        "sources": {**PARTS, "see_hear": pair(support="pictures", query="sounds")},
        "encoders": {"mixed": ENCODER},
        "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 60},
        **changes,
    }


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        plan(registry(), **configured(**changes))
    return list(caught.value.problems)


DIRECTIONS = {
    **PARTS,
    "see_hear": pair(support="pictures", query="sounds"),
    "hear_see": pair(support="sounds", query="pictures"),
    "see_see": pair(support="pictures", query="pictures"),
    "both": pair(
        support={"pictures": 1, "sounds": 1},
        query="sounds",
        train={"shot": 2},
        evaluate={"shapes": ["5w2s"]},
    ),
}


def test_five_learners_learn_in_one_modality_and_recognise_in_the_other(tmp_path: Path) -> None:
    learners = [
        "prototypical",
        "matching",
        "siamese",
        {"use": "maml", "head": "prototype"},
        {"use": "meta_lstm", "adapt": "last", "head": "prototype", "hidden": 4},
        "linear_probe",
    ]
    changes = configured(
        sources=DIRECTIONS,
        learners=learners,
        pretrain={"epochs": 10, "learning_rate": 0.003},
        train={"episodes": 40, "meta_batch": 4, "validations": 1},
    )
    found = run(tmp_path, registry(), **changes)
    assert [cell.error for cell in found.cells if cell.error] == []
    assert len(found.cells) == 24
    accuracy = {(cell.source, cell.learner): cell.scores[0].accuracy for cell in found.cells}
    assert {one: value for one, value in accuracy.items() if value < 0.4} == {}
    # One pretraining serves all directions and learners.
    assert len(list((tmp_path / "pretrained").glob("*.safetensors"))) == 1
    assert {cell.modality for cell in found.cells} == {"mixed"}
    options = found.cells[0].options
    assert options["source"]["of"]["sounds"]["use"] == "heard"
    assert options["encoder"]["heard"] == {"use": "hearing", "dim": 16}


def test_a_run_of_several_modalities_is_taken_up(tmp_path: Path) -> None:
    first = run(tmp_path, registry(), **configured())
    again = run(tmp_path, registry(), **configured())
    assert first.cells == again.cells
    sample = json.loads((tmp_path / "samples" / "see_hear.json").read_text())
    assert sample["source"] == "see_hear"


def test_test_episodes_are_frozen_and_a_source_may_run_by_itself_too(tmp_path: Path) -> None:
    one = run(tmp_path / "one", registry(), **configured())
    encoders = {"mixed": ENCODER, "seen": "seeing"}
    other = run(
        tmp_path / "other", registry(), **configured(encoders=encoders, learners=["matching", "prototypical"])
    )
    assert {cell.source for cell in other.cells} == {"pictures", "see_hear"}
    manifests = {cell.scores[0].manifest for cell in (*one.cells, *other.cells) if cell.source == "see_hear"}
    assert len(manifests) == 1


def test_frozen_towers_are_embedded_once_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = {"seen": {"use": "seeing", "train": "none"}, "heard": {"use": "hearing", "train": "none"}}
    changes = configured(
        encoders={"mixed": {**ENCODER, **frozen}},
        learners=["prototypical", {"use": "maml", "head": "prototype"}],
    )
    cached = run(tmp_path / "cached", registry(), **changes)
    stages: list[str] = []
    monkeypatch.setattr("kshot.encoders.joint.Joint.stays", lambda self, modality: stages.append(modality))
    plain = run(tmp_path / "plain", registry(), **changes)
    assert stages
    for one, other in zip(cached.cells, plain.cells, strict=True):
        assert one.error is None
        assert one.scores[0].accuracy == pytest.approx(other.scores[0].accuracy, abs=0.02)


def test_a_linear_map_on_top_of_a_joint_encoder_trains_alone(tmp_path: Path) -> None:
    found = run(tmp_path, registry(), **configured(encoders={"mixed": {**ENCODER, "train": "head"}}))
    assert [cell.error for cell in found.cells] == [None]
    none = run(tmp_path, registry(), **configured(encoders={"mixed": {**ENCODER, "train": "none"}}))
    assert [cell.note for cell in none.cells] == ["nothing to train"]


def test_classes_of_one_part_alone_are_told_with_the_plan() -> None:
    sources = {**PARTS, "sounds": {**PARTS["sounds"], "lacking": 2}, "see_hear": pair()}
    made = plan(registry(), **configured(sources=sources))
    told = left_out(made, Data(made.configuration, torch.device("cpu")))
    assert told[0] == (
        "sources.see_hear: train: 2 classes of 'pictures' have no counterpart and are left out: train-000, train-001"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoders": {"mixed": {**ENCODER, "sen": "seeing"}}},
            "encoders.mixed.joint.sen: unknown option; did you mean 'seen'?",
        ),
        (
            {"encoders": {"mixed": {**ENCODER, "seen": "seing"}}},
            "unknown encoder 'seing'; did you mean 'seeing'",
        ),
        (
            {"encoders": {"mixed": {**ENCODER, "seen": {"use": "seeing", "dmi": 4}}}},
            "joint.seen.dmi: unknown option; did you mean 'dim'?",
        ),
        ({"encoders": {"mixed": {**ENCODER, "seen": "hearing"}}}, "is for heard, not seen"),
        ({"encoders": {"mixed": {"use": "joint"}}}, "encoders.mixed.joint.of: is missing"),
        (
            {"encoders": {"mixed": {**ENCODER, "seen": {"use": "seeing", "layer_decay": 0.5}}}},
            "layer_decay is nothing that a tower has",
        ),
        ({"sources": {**PARTS, "x": {"use": "aligned"}}}, "sources.x.of: is missing"),
        (
            {"sources": {**PARTS, "x": {"use": "aligned", "of": ["pictures", "sound"]}}},
            "nor a source of this configuration; did you mean 'sounds'?",
        ),
        ({"sources": {**PARTS, "x": {"use": "aligned", "of": ["x", "sounds"]}}}, "'x' is made of itself"),
        ({"sources": {**PARTS, "x": pair(support=3)}}, "sources.x.support: should be"),
    ],
)
def test_what_is_wrong_with_parts_is_told(changes: Any, message: str) -> None:
    found = problems(**changes)
    assert any(message in one for one in found), found
    assert len(found) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"encoders": {"mixed": {"use": "joint", "seen": "seeing"}}},
            "sources.see_hear: 'sounds' is heard, and encoder 'joint' has no tower for it (it has: seen); add "
            "`heard: ENCODER` to it",
        ),
        (
            {"evaluate": {"shapes": ["5w20s"], "queries": 5, "episodes": 20}},
            "each class needs 20 + 0 examples of pictures and 0 + 5 examples of sounds",
        ),
        (
            {"sources": {**PARTS, "see_hear": pair(support={"pictures": 1, "sounds": 1}, query="sounds")}},
            "sources.see_hear: 5w1s with 5 queries: a support of 1 pictures : 1 sounds cannot share 1",
        ),
    ],
)
def test_data_that_cannot_serve_are_told_before_anything_runs(changes: Any, message: str) -> None:
    made = plan(registry(), **configured(**changes))
    found = data_problems(made, Data(made.configuration, torch.device("cpu")))
    assert any(message in one for one in found), found


def test_results_read_back(tmp_path: Path) -> None:
    run(tmp_path, registry(), **configured())
    assert results.load(tmp_path).cells[0].options["source"]["support"] == "pictures"
