"""Learn from one modality, recognise in another: from a configuration to results, report and episodes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kshot import builtin, results
from kshot.benchmark import make_plan, run_benchmark
from kshot.cli import main
from kshot.errors import ConfigurationError
from kshot.report import write_report
from kshot.results import Results

from tests.senses import SENSES

from .conftest import toy_registry

JOINING = [
    *(("encoders", spec) for spec in builtin.kshot_encoders()),
    *(("sources", spec) for spec in builtin.kshot_sources()),
]

LEARNERS: list[Any] = [
    "prototypical",
    "matching",
    "siamese",
    {"use": "maml", "adapt": "head", "head": "prototype"},
    {"use": "meta_lstm", "adapt": "head", "head": "prototype", "inner_steps": 2},
    "linear_probe",
]


def configuration(**changes: Any) -> dict[str, Any]:
    both = {"use": "aligned", "of": ["seen", "heard"]}
    return {
        "name": "senses",
        "sources": {
            "seen": {"use": "sight", "classes": 30},
            "heard": {"use": "sound", "classes": 30},
            "see_hear": {**both, "support": "seen", "query": "heard"},
            "hear_see": {**both, "support": "heard", "query": "seen"},
            "mix_see": {
                **both,
                "support": {"seen": 1, "heard": 1},
                "query": "seen",
                "train": {"shot": 2},
                "evaluate": {"shapes": ["5w2s"]},
            },
        },
        "encoders": {"mixed": {"use": "joint", "sight": "see", "sound": {"use": "hear", "dim": 6}, "dim": 8}},
        "learners": ["prototypical"],
        "pretrain": {"epochs": 12, "learning_rate": 0.01},
        "train": {"episodes": 12, "meta_batch": 4, "queries": 3, "validations": 1, "learning_rate": 0.001},
        "evaluate": {"shapes": ["5w1s"], "queries": 4, "episodes": 40},
        **changes,
    }


def planned(raw: dict[str, Any]) -> Any:
    return make_plan(raw, "senses.yaml", toy_registry(*SENSES, *JOINING))


def run(folder: Path, **changes: Any) -> Results:
    return run_benchmark(planned(configuration(**changes)), folder, "senses.yaml", torch.device("cpu"))


def refused(folder: Path, **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        plan = planned(configuration(**changes))
        run_benchmark(plan, folder, "senses.yaml", torch.device("cpu"))
    return str(error.value)


def test_every_learner_recognises_in_one_sense_what_it_met_in_the_other(tmp_path: Path) -> None:
    found = run(tmp_path, learners=LEARNERS)
    assert len(found.cells) == 3 * len(LEARNERS)  # the parts have no encoder of their own: parts only
    for cell in found.cells:
        assert cell.status == "finished", cell.error
        [score] = cell.scores
        assert score.accuracy - score.ci95 > score.chance + 0.1, cell.id
    # One pretraining, whatever support and queries are made of.
    assert len(list((tmp_path / "pretrained").iterdir())) == 1
    assert {cell.train.pretrain_epochs for cell in found.cells} == {12}
    first = found.cells[0]
    assert first.modality == "mixed"
    assert first.options["encoder"]["sound"] == {"use": "hear", "dim": 6, "norm": False}
    assert first.options["source"]["of"]["seen"]["classes"] == 30
    # The worst episodes and the sample show both modalities.
    for samples in (results.load_worst(tmp_path), results.load_samples(tmp_path)):
        one = next(sample for sample in samples if sample.source == "see_hear")
        assert {example.data.split()[0] for example in one.support} == {"sight"}
        assert {example.data.split()[0] for example in one.query} == {"sound"}
    page = write_report(tmp_path).read_text()
    assert "sight +" in page or "sight -" in page
    # The same command does nothing twice.
    assert results.without_times(run(tmp_path, learners=LEARNERS)) == results.without_times(found)


def test_a_frozen_tower_and_a_frozen_encoder_are_embedded_once(tmp_path: Path) -> None:
    tower = {"use": "see", "train": "none"}
    found = run(
        tmp_path,
        encoders={
            "mixed": [
                {"id": "half", "use": "joint", "sight": tower, "sound": "hear"},
                {"id": "none", "use": "joint", "sight": "see", "sound": "hear", "train": "none"},
            ],
            "sight": "see",
        },
        learners=["prototypical", {"use": "maml", "inner_steps": 1}],
        pretrain=None,
    )
    assert {cell.status for cell in found.cells} == {"finished"}
    unimodal = [cell for cell in found.cells if cell.source == "seen"]
    assert [cell.modality for cell in unimodal] == ["sight", "sight"]
    notes = {cell.encoder: cell.note for cell in found.cells if cell.learner == "prototypical"}
    assert notes == {"half": "", "none": "nothing to train", "see": ""}
    told = {cell.encoder: cell.options["encoder"] for cell in found.cells}
    assert told["half"]["sight"]["train"] == "none"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"encoders": {"mixed": {"use": "joint", "sight": "see"}}},
            "'heard' is sound, and encoder 'joint' has no tower for it (it has: sight); add `sound: ENCODER`",
        ),
        (
            {"encoders": {"mixed": {"use": "joint", "sight": "sea", "sound": "hear"}}},
            "encoders.mixed.joint.sight: unknown encoder 'sea'; did you mean 'see'",
        ),
        (
            {"encoders": {"mixed": {"use": "joint", "sight": "see", "sond": "hear"}}},
            "encoders.mixed.joint.sond: unknown option; did you mean 'sound'",
        ),
        (
            {"encoders": {"mixed": {"use": "joint", "sight": {"use": "see", "dmi": 3}, "sound": "hear"}}},
            "encoders.mixed.joint.sight.dmi: unknown option; did you mean 'dim'",
        ),
        (
            {"encoders": {"mixed": {"use": "joint", "sight": "hear", "sound": "hear"}}},
            "encoder 'hear' of kshot-toy 1.0 is for sound, not sight",
        ),
        ({"encoders": {"mixed": {"use": "joint"}}}, "what it is made of"),
    ],
)
def test_encoders_that_do_not_fit(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert words in refused(tmp_path, **changes)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"of": ["seen", "sen"]}, "nor a source of this configuration; did you mean 'seen'"),
        ({"of": ["seen"]}, "`of` needs two sources at least"),
        ({}, "is missing: what it is made of"),
        ({"of": ["seen", "both"]}, "'both' is made of itself"),
        (
            {"of": ["seen", "heard"], "query": "hear"},
            "there is no part or modality 'hear'; did you mean 'heard'",
        ),
        ({"of": ["seen", "toy"]}, "no class is in every one of seen, toy"),
        (
            {"of": {"a": {"use": "sight"}, "b": {"use": "sound", "lacking": 11}}},
            "the train split has 1 classes, of which 1 can serve",
        ),
        ({"of": ["seen", "heard"], "evaluate": {"shapes": ["5w14s"]}}, "14 + 0 examples of seen"),
        (
            {"of": ["seen", "heard"], "evaluate": {"shapes": ["5w14s"]}},
            "; seen has 12 of a class at most; ask",
        ),
        (
            {"of": ["seen", "heard"], "support": {"seen": 2, "heard": 1}},
            "cannot share 1: the shot of a class counts all modalities and must be a multiple of 3",
        ),
    ],
)
def test_sources_that_do_not_fit(tmp_path: Path, source: dict[str, Any], words: str) -> None:
    there: dict[str, Any] = {"seen": {"use": "sight", "lacking": 11}} if "toy" in source.get("of", ()) else {}
    there = {"seen": {"use": "sight"}, "heard": {"use": "sound"}, "toy": {"classes": 3}} | there
    named = [name for name in there if name in source.get("of", ())]
    sources = {**{name: there[name] for name in named}, "both": {"use": "aligned", **source}}
    assert words in refused(tmp_path, sources=sources)


def test_the_episodes_of_a_configuration_can_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kshot.registry.load_registry", lambda *_: toy_registry(*SENSES, *JOINING))
    path = tmp_path / "senses.yaml"
    path.write_text(yaml.safe_dump(configuration()))
    assert main(["check", str(path)]) == 0
    assert main(["episodes", str(path), "--source", "mix_see", "--show", "2"]) == 0
    out = capsys.readouterr().out
    assert "5w2s" in out
    assert "sight" in out and "sound" in out
    shutil.rmtree(tmp_path)
