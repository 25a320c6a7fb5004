"""The spine, from a configuration to results, on the toy."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot import EncoderSpec, LearnerSpec, SourceSpec, hookimpl, results
from kshot.benchmark import make_plan, run_benchmark
from kshot.config import read
from kshot.episode import Episodes, Examples
from kshot.errors import ConfigurationError, DataError
from kshot.files import content_hash
from kshot.interfaces import Classifier, Encoder, Learner
from kshot.learners.prototypical import Prototypical
from kshot.metrics import equal_error_rate
from kshot.outcomes import read_outcomes
from kshot.results import load
from kshot.sampling import Catalogue, Sampler
from kshot.shapes import Shape, Split
from kshot.specs import MetricSpec
from kshot.statistics import (
    class_interval,
    critical_difference,
    expected_calibration_error,
    macro_f1,
    reliability,
)
from kshot.testing import Toy, toy_encoder
from safetensors import safe_open
from safetensors.torch import load_file

from .conftest import configuration, plan, run, toy_registry


class Events:
    """An observer that counts what it sees."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    @hookimpl
    def kshot_run_started(self, name: str, cells: list[str], finished: list[str]) -> None:
        self.seen.append(("run", name, len(cells), len(finished)))

    @hookimpl
    def kshot_cell_started(self, cell: str, stage: str) -> None:
        self.seen.append(("stage", cell, stage))

    @hookimpl
    def kshot_episodes_trained(self, cell: str, episodes: int, total: int) -> None:
        self.seen.append(("trained", cell, episodes, total))

    @hookimpl
    def kshot_validated(self, cell: str, episodes: int) -> None:
        self.seen.append(("validated", cell, episodes))

    @hookimpl
    def kshot_evaluated(self, cell: str, shape: str) -> None:
        self.seen.append(("evaluated", cell, shape))

    @hookimpl
    def kshot_cell_finished(self, cell: str, result: dict[str, Any]) -> None:
        self.seen.append(("finished", cell, result["status"]))

    @hookimpl
    def kshot_cell_failed(self, cell: str, error: str) -> None:
        self.seen.append(("failed", cell, error))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.seen if event[0] == kind]


def test_a_run_writes_the_schema_and_learns(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        train={"episodes": 300, "meta_batch": 4, "learning_rate": 0.003},
        sources={"toy": {"classes": 30}},
    )
    stored = json.loads((tmp_path / "results.json").read_text())
    [cell] = stored["cells"]
    assert stored["schema"] == 1
    assert cell["id"] == "prototypical.toy_encoder.toy.0"
    assert cell["options"]["encoder"] == {"dim": 16, "norm": "batch", "train": "all"}
    assert cell["status"] == "finished"
    assert cell["error"] is None
    assert cell["train"]["episodes"] == 300
    assert cell["train"]["parameters"] > 1000
    five, three = cell["scores"]
    assert (five["way"], five["shot"], five["queries"], five["episodes"]) == (5, 1, 5, 40)
    assert (five["chance"], three["chance"]) == (0.2, pytest.approx(1 / 3))
    assert five["batch_statistics"] == "frozen"
    assert five["accuracy"] - five["ci95"] > 0.35
    sampler = Sampler(Toy(classes=30).catalogue("test"), "test", Shape(5, 1, 5), 1234)
    assert five["manifest"] == sampler.manifest(40)
    assert results.load(tmp_path).cells == found.cells
    assert (tmp_path / "results.csv").is_file()
    assert (tmp_path / "results.md").is_file()
    assert len(results.load_samples(tmp_path)) == 1


def test_two_runs_are_bit_equal_whatever_ran_before(tmp_path: Path) -> None:
    grid: dict[str, Any] = {
        "seeds": [0, 1],
        "learners": ["prototypical", {"use": "prototypical", "distance": "cosine"}],
    }
    whole = run(tmp_path / "a", **grid)
    torch.rand(3)
    last = run(
        tmp_path / "b", seeds=[1], learners=[grid["learners"][1] | {"id": "prototypical+distance=cosine"}]
    )
    by_id = {cell.id: cell for cell in results.without_times(whole).cells}
    assert len(by_id) == 4
    for cell in results.without_times(last).cells:
        twin = by_id[cell.id]
        assert cell.scores == twin.scores
        assert cell.curve == twin.curve
    accuracies = {tuple(score.accuracy for score in cell.scores) for cell in whole.cells}
    assert len(accuracies) == 4, "seeds and options make a difference"


def test_all_learners_meet_the_same_test_episodes(tmp_path: Path) -> None:
    found = run(
        tmp_path, seeds=[0, 5], learners=["prototypical", {"use": "prototypical", "distance": "cosine"}]
    )
    manifests = {tuple(score.manifest for score in cell.scores) for cell in found.cells}
    assert len(manifests) == 1


def test_an_interrupted_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    registry = toy_registry()

    class Interrupt(Events):
        @hookimpl
        def kshot_cell_finished(self, cell: str) -> None:
            raise KeyboardInterrupt

    with registry.observing(Interrupt()), pytest.raises(KeyboardInterrupt):
        run(tmp_path, registry, seeds=[0, 1, 2])
    assert len(results.load(tmp_path).cells) == 1
    events = Events()
    with registry.observing(events):
        resumed = run(tmp_path, registry, seeds=[0, 1, 2])
    assert events.of("run") == [("toy-run", 3, 1)]
    assert [cell for cell, _ in events.of("finished")] == [
        f"prototypical.toy_encoder.toy.{k}" for k in (1, 2)
    ]
    undisturbed = run(tmp_path / "other", seeds=[0, 1, 2])
    assert results.without_times(resumed).cells == results.without_times(undisturbed).cells


PATIENT: dict[str, Any] = {
    "episodes": 96,
    "meta_batch": 4,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "validations": 12,
    "validation_episodes": 5,
    "patience": 2,
}


def test_early_stopping_is_recorded_and_an_interruption_leaves_no_trace(tmp_path: Path) -> None:
    registry = toy_registry()

    class Interrupt(Events):
        @hookimpl
        def kshot_validated(self, episodes: int) -> None:
            if episodes == 16:
                raise KeyboardInterrupt

    with registry.observing(Interrupt()), pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", registry, train=PATIENT)
    [resumed] = results.without_times(run(tmp_path / "cut", train=PATIENT)).cells
    [cell] = results.without_times(run(tmp_path / "whole", train=PATIENT)).cells
    assert resumed == cell
    accuracies = [point.accuracy or 0 for point in cell.curve]
    best = accuracies.index(max(accuracies))
    assert len(accuracies) == best + 3 < 12, "two validations after the best one"
    assert cell.train.episodes == cell.curve[-1].episodes == (best + 3) * 8
    assert cell.train.best == cell.curve[best]
    assert cell.remarks == [f"kept as it was after {(best + 1) * 8} of {(best + 3) * 8} episodes"]
    [last] = run(tmp_path / "last", train={**PATIENT, "patience": None}).cells
    assert (last.train.episodes, last.train.best) == (96, None)


def test_what_is_validated_is_part_of_a_training_that_stops_early(tmp_path: Path) -> None:
    evaluate = {"shapes": ["3w2s"], "queries": 5, "episodes": 40}
    run(tmp_path / "one", train=PATIENT)
    found = run(tmp_path / "one", train=PATIENT, evaluate=evaluate)
    expected = run(tmp_path / "two", train=PATIENT, evaluate=evaluate)
    assert results.without_times(found).cells == results.without_times(expected).cells


def test_patience_without_validation_classes_is_told_before_anything_runs(tmp_path: Path) -> None:
    registry = toy_registry(
        ("sources", SourceSpec("blind", "no validation", f"{__name__}:blind", modality="toy"))
    )
    sources = {"blind": None, "off": {"use": "blind", "train": {"patience": None}}}
    with pytest.raises(ConfigurationError) as raised:
        run(tmp_path, registry, sources=sources, train=PATIENT)
    assert "sources.blind: no validation classes (train.patience needs validation episodes; null" in str(
        raised.value
    )
    assert "sources.off" not in str(raised.value)


def test_training_classes_are_asked_of_a_source_by_what_looks_at_them(tmp_path: Path) -> None:
    registry = toy_registry(
        ("sources", SourceSpec("untaught", "no training", f"{__name__}:untaught", modality="toy"))
    )
    untaught: dict[str, Any] = {"untaught": None}
    found = run(tmp_path, registry, sources=untaught, learners=["linear_probe"])
    assert [cell.status for cell in found.cells] == ["finished"]
    learners = [
        "linear_probe",
        "prototypical",
        "simpleshot",
        {"use": "baseline++", "pretrain": {"epochs": 1}},
    ]
    with pytest.raises(ConfigurationError) as raised:
        run(tmp_path, registry, sources=untaught, learners=learners, train=PATIENT)
    assert raised.value.problems == (
        "sources.untaught: no train classes (where nothing is to train, set train.episodes to 0, for one source "
        "or learner too)",
        "sources.untaught: no train classes (learner 'simpleshot' looks at all of them)",
        "sources.untaught: no train classes (pretrain looks at all of them)",
    )


def test_an_encoder_that_learns_from_training_classes_says_so_where_there_are_none(tmp_path: Path) -> None:
    registry = toy_registry(
        ("sources", SourceSpec("untaught", "no training", f"{__name__}:untaught", modality="toy")),
        ("encoders", EncoderSpec("learns", "fits", f"{__name__}:learning_encoder", modality="toy")),
    )
    train = {"episodes": 0}
    found = run(tmp_path, registry, sources={"untaught": None}, encoders={"toy": "learns"}, train=train)
    [cell] = found.cells
    assert cell.error == "no train classes (encoder 'learns' learns from all of them)"


def test_small_training_classes_are_told_where_something_trains(tmp_path: Path) -> None:
    train = {"way": 13, "episodes": 4}
    assert len(run(tmp_path, learners=["simpleshot"], train=train).cells) == 1
    with pytest.raises(
        ConfigurationError, match="13-way 1-shot with 5 queries: the train split has 12 classes"
    ):
        run(tmp_path, learners=["simpleshot", "prototypical"], train=train)


def learning_encoder() -> Encoder:
    """The toy's encoder, which looks at the training examples first."""
    encoder = toy_encoder()

    class Learning(type(encoder)):
        def fit(self, raw: Sequence[Any]) -> None:
            assert len(raw)

    encoder.__class__ = Learning
    return encoder


def blind() -> Toy:
    """The toy without validation classes."""
    return lacking("validation")


def untaught() -> Toy:
    """The toy without training classes."""
    return lacking("train")


def lacking(gone: Split) -> Toy:
    """The toy without one split."""
    toy = Toy()
    whole = toy.catalogue

    def catalogue(split: Split) -> Catalogue:
        if split == gone:
            raise DataError(f"no {split} classes")
        return whole(split)

    toy.catalogue = catalogue
    return toy


@pytest.mark.parametrize(
    "changes",
    [
        {"train": {"episodes": 61, "meta_batch": 4, "learning_rate": 0.003, "validations": 2}},
        {"evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 41}},
        {"sources": {"toy": {"noise": 2.0}}},
        {"encoders": {"toy": {"use": "toy_encoder", "id": "toy_encoder", "dim": 8}}},
    ],
)
def test_a_changed_configuration_is_run_again(tmp_path: Path, changes: dict[str, Any]) -> None:
    run(tmp_path)
    registry, events = toy_registry(), Events()
    with registry.observing(events):
        run(tmp_path, registry, **changes)
    assert events.of("run") == [("toy-run", 1, 0)]
    assert len(events.of("finished")) == 1


def test_a_finished_cell_stays_finished_however_its_configuration_is_spread_over_files(
    tmp_path: Path,
) -> None:
    whole = configuration()
    parts = {"base.yaml": {**whole, "seeds": [1, 2], "train": {**whole["train"], "episodes": 9, "clip": 1.0}}}
    parts["top.yaml"] = {
        "include": "base.yaml",
        "seeds": [0],
        "train": {"episodes": whole["train"]["episodes"], "clip": None},
    }
    for name, content in {**parts, "whole.yaml": whole}.items():
        (tmp_path / name).write_text(json.dumps(content))
    for name, finished in (("whole.yaml", 0), ("top.yaml", 1)):
        registry, events = toy_registry(), Events()
        made = make_plan(read(tmp_path / name), name, registry)
        with registry.observing(events):
            run_benchmark(made, tmp_path / "runs", name, torch.device("cpu"))
        assert events.of("run") == [("toy-run", 1, finished)]


def test_a_damaged_cell_is_run_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    [path] = (tmp_path / "cells").glob("*/cell.json")
    path.write_text(path.read_text()[:50])
    again = run(tmp_path)
    assert results.without_times(again).cells == results.without_times(first).cells


def test_a_cell_whose_outcomes_are_not_its_own_is_run_again(tmp_path: Path) -> None:
    """As a run leaves it that was killed between a cell's two files, with other settings the second time."""
    changed: dict[str, Any] = {"evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 30}}
    first = run(tmp_path)
    [path] = (tmp_path / "cells").glob("*/outcomes.npz")
    own = path.read_bytes()
    run(tmp_path / "changed", **changed)
    [other] = (tmp_path / "changed" / "cells").glob("*/outcomes.npz")
    for torn in (other.read_bytes(), own[:50], None):
        path.unlink()
        if torn is not None:
            path.write_bytes(torn)
        again = run(tmp_path)
        assert results.without_times(again).cells == results.without_times(first).cells
        assert path.read_bytes() == own


def test_how_often_the_state_is_written_is_no_part_of_a_cell(tmp_path: Path) -> None:
    registry, events = toy_registry(), Events()
    run(tmp_path, registry)
    train = {**configuration()["train"], "checkpoint_seconds": 5.0}
    with registry.observing(events):
        run(tmp_path, registry, train=train)
    assert events.of("run") == [("toy-run", 1, 1)]


def test_hooks_tell_a_runs_course(tmp_path: Path) -> None:
    registry, events = toy_registry(), Events()
    with registry.observing(events):
        run(tmp_path, registry)
    name = "prototypical.toy_encoder.toy.0"
    assert events.of("stage") == [(name, stage) for stage in ("data", "train", "evaluate")]
    assert events.of("trained")[-1] == (name, 60, 60)
    assert events.of("validated") == [(name, 32), (name, 60)]
    assert events.of("evaluated") == [(name, "5w1s"), (name, "3w2s")]
    assert events.of("finished") == [(name, "finished")]


def test_an_observer_that_raises_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Bad:
        @hookimpl
        def kshot_evaluated(self) -> None:
            raise ZeroDivisionError("oops")

    registry = toy_registry()
    with registry.observing(Bad()):
        found = run(tmp_path, registry)
    assert found.cells[0].status == "finished"
    assert "Bad" in caplog.text
    assert "oops" in caplog.text


def test_a_frozen_encoder_has_nothing_to_train_and_is_embedded_once(tmp_path: Path) -> None:
    registry, events = toy_registry(), Events()
    with registry.observing(events):
        found = run(tmp_path, registry, encoders={"toy": {"use": "toy_encoder", "train": "none"}})
    [cell] = found.cells
    assert cell.note == "nothing to train"
    assert cell.train.episodes == 0
    assert "embed" in [stage for _, stage in events.of("stage")]
    assert events.of("trained") == []


@pytest.mark.parametrize("policy", ["support", "query"])
def test_a_frozen_encoder_under_other_statistics_is_not_embedded(tmp_path: Path, policy: str) -> None:
    evaluate = {"shapes": ["5w1s"], "queries": 5, "episodes": 40, "batch_statistics": policy}
    registry, events = toy_registry(), Events()
    with registry.observing(events):
        found = run(
            tmp_path, registry, evaluate=evaluate, encoders={"toy": {"use": "toy_encoder", "train": "none"}}
        )
    assert found.cells[0].scores[0].batch_statistics == policy
    assert "embed" not in [stage for _, stage in events.of("stage")]


def test_training_only_the_last_layer(tmp_path: Path) -> None:
    found = run(tmp_path, encoders={"toy": [{"use": "toy_encoder", "train": "last"}, "toy_encoder"]})
    assert [cell.encoder for cell in found.cells] == ["toy_encoder+train=last", "toy_encoder"]
    assert found.cells[0].options["encoder"]["train"] == "last"
    assert found.cells[0].scores != found.cells[1].scores


def whole_encoder() -> Encoder:
    """An encoder that trains as a whole or not at all."""
    encoder = toy_encoder()
    encoder.parameter_groups = lambda: {"all": [name for name, _ in encoder.named_parameters()]}
    return encoder


def failing_encoder() -> object:
    """An encoder that cannot be built."""
    raise RuntimeError("out of ink")


def leaving_encoder() -> Encoder:
    """An encoder that would end the process."""
    encoder = toy_encoder()
    encoder.forward = lambda inputs: sys.exit("two\nlines")
    return encoder


def failing_metric(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A metric that cannot be computed."""
    raise ValueError("metric\nboom")


def lumping_metric(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A metric that gives one number for all episodes."""
    return (logits.argmax(-1) == labels).float().mean()


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("failing", "metric 'failing' raised ValueError: metric boom"),
        (
            "lumping",
            "metric 'lumping' gives shape () for 40 episodes; it must give one number an episode, (40,)",
        ),
    ],
)
def test_a_metric_that_fails_is_named(tmp_path: Path, metric: str, told: str) -> None:
    registry = toy_registry(("metrics", MetricSpec(metric, "fails", f"{__name__}:{metric}_metric")))
    evaluated = {"shapes": ["5w1s"], "queries": 5, "episodes": 40, "metrics": [metric]}
    [cell] = run(tmp_path, registry, train={"episodes": 0}, evaluate=evaluated).cells
    assert cell.error == told


def odd_learner(encoder: torch.nn.Module) -> Learner:
    """A learner with a policy that there is not."""
    learner = Prototypical(encoder)
    learner.batch_statistics = "batch"
    return learner


def test_a_policy_that_there_is_not_is_refused(tmp_path: Path) -> None:
    registry = toy_registry(("learners", LearnerSpec("odd", "odd", f"{__name__}:odd_learner")))
    [cell] = run(tmp_path, registry, learners=["odd"]).cells
    assert cell.error == (
        "learner 'odd' of kshot-toy 1.0: its batch_statistics is 'batch'; it must be one of frozen, support, "
        "query, joint"
    )


def test_a_cell_that_would_end_the_process_leaves_the_others_running(tmp_path: Path) -> None:
    registry = toy_registry(
        ("encoders", EncoderSpec("bad", "leaves", f"{__name__}:leaving_encoder", modality="toy"))
    )
    bad, good = run(tmp_path, registry, encoders={"toy": ["bad", "toy_encoder"]}).cells
    assert (bad.status, bad.error) == ("failed", "SystemExit: two lines")
    assert good.status == "finished"


def test_a_failed_cell_leaves_the_others_running(tmp_path: Path) -> None:
    registry = toy_registry(
        ("encoders", EncoderSpec("bad", "fails", f"{__name__}:failing_encoder", modality="toy"))
    )
    events = Events()
    with registry.observing(events):
        found = run(tmp_path, registry, encoders={"toy": ["bad", "toy_encoder"]})
    bad, good = found.cells
    assert bad.status == "failed"
    told = "encoder 'bad' of kshot-toy 1.0 cannot be made: RuntimeError: out of ink"
    assert bad.error == told
    assert good.status == "finished"
    assert events.of("failed") == [("prototypical.bad.toy.0", told)]
    trace = (tmp_path / "cells" / bad.id / "traceback.txt").read_text()
    assert "out of ink" in trace
    assert "failing_encoder" in trace


def test_a_subset_that_the_encoder_lacks_fails_its_cell_by_name(tmp_path: Path) -> None:
    registry = toy_registry(
        ("encoders", EncoderSpec("whole", "one group", f"{__name__}:whole_encoder", modality="toy"))
    )
    found = run(tmp_path, registry, encoders={"toy": {"use": "whole", "train": "last"}})
    assert found.cells[0].status == "failed"
    said = found.cells[0].error or ""
    assert "encoder 'whole': train: last is not among what" in said
    assert "offers (none, head, all)" in said


def test_training_adapters_alone(tmp_path: Path) -> None:
    entries = [
        {"use": "toy_encoder", "train": "lora"},
        {"id": "thin", "use": "toy_encoder", "lora": {"rank": 1}},
    ]
    adapting = {"use": "maml", "adapt": "lora", "head": "prototype"}
    found = run(tmp_path, encoders={"toy": entries}, learners=["prototypical", adapting])
    assert [cell.error for cell in found.cells] == [None] * 4
    adapted, thin = found.cells[0], found.cells[2]
    assert adapted.options["encoder"]["lora"] == {"rank": 8, "alpha": None, "targets": None}
    assert thin.options["encoder"]["lora"]["rank"] == 1
    kept = safe_open(tmp_path / "cells" / adapted.id / "checkpoint.safetensors", framework="pt").keys()
    trained = [name for name in kept if name.startswith("learner/") and name.endswith("weight")]
    assert trained
    assert all(".lora_" in name for name in trained)


def test_a_run_goes_on_from_another_runs_checkpoint(tmp_path: Path) -> None:
    learners = [{"use": "maml", "head": "prototype"}]
    train: dict[str, Any] = {"episodes": 20, "schedule": "constant", "validations": 0}
    first = run(tmp_path / "first", learners=learners, train=train)
    [cell] = first.cells
    kept = tmp_path / "kept.safetensors"
    kept.write_bytes((tmp_path / "first" / "cells" / cell.id / "checkpoint.safetensors").read_bytes())
    scored = run(tmp_path / "scored", learners=learners, train={**train, "start": str(kept)})
    longer = run(tmp_path / "longer", learners=learners, train={**train, "episodes": 40, "start": str(kept)})
    whole = run(tmp_path / "whole", learners=learners, train={**train, "episodes": 40})
    assert scored.cells[0].scores[0].accuracy == cell.scores[0].accuracy
    assert longer.cells[0].scores[0].accuracy == whole.cells[0].scores[0].accuracy
    assert longer.cells[0].train and longer.cells[0].train.start == content_hash(kept)
    assert whole.cells[0].train and whole.cells[0].train.start is None


@pytest.mark.parametrize("schedule", ["constant", "cosine", "halving"])
@pytest.mark.parametrize("halving_every", [None, 12])
def test_a_shorter_run_before_in_the_same_folder_changes_no_figure(
    tmp_path: Path, schedule: str, halving_every: int | None
) -> None:
    train: dict[str, Any] = {"schedule": schedule, "halving_every": halving_every, "validations": 0}
    run(tmp_path / "one", train={**train, "episodes": 20})
    after, alone = (run(tmp_path / name, train={**train, "episodes": 40}).cells[0] for name in ("one", "two"))
    assert after.curve[-1].episodes == alone.curve[-1].episodes == 40
    kept = [
        load_file(tmp_path / name / "cells" / alone.id / "learner.safetensors") for name in ("one", "two")
    ]
    assert kept[0].keys() == kept[1].keys()
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])


def test_a_start_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"- train\.start: no such file: .*away"):
        run(tmp_path, train={"start": str(tmp_path / "away.safetensors")})


def test_adapters_that_cannot_be_fail_their_cell_by_name(tmp_path: Path) -> None:
    lora = {"rank": 2, "targets": ["query"]}
    found = run(tmp_path, encoders={"toy": {"use": "toy_encoder", "lora": lora}})
    assert "encoder 'toy_encoder': lora.targets: " in (found.cells[0].error or "")
    assert "no layer 'query'" in (found.cells[0].error or "")


def test_adapters_without_peft_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "peft" else found(name))
    with pytest.raises(
        ConfigurationError, match=r"encoders\.toy\.toy_encoder\.lora: needs peft; pip install"
    ):
        run(tmp_path, encoders={"toy": {"use": "toy_encoder", "train": "lora"}})


def test_too_little_data_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        run(tmp_path, sources={"toy": {"classes": 4}, "tiny": {"use": "toy", "examples": 5}})
    text = str(caught.value)
    assert "sources.toy: 5-way 1-shot with 5 queries: the train split has 4 classes" in text
    assert "the test split has 4 classes" in text
    assert "sources.tiny" in text
    assert "short of examples: test-024 (5)" in text
    assert not (tmp_path / "results.json").exists()


def test_within_and_apart_reach_the_scores(tmp_path: Path) -> None:
    shapes = [
        {"way": 3, "shot": 1, "queries": 4, "within": "family"},
        {"way": 3, "shot": 2, "queries": 4, "apart": "batch"},
    ]
    found = run(tmp_path, evaluate={"shapes": shapes, "episodes": 20})
    one, two = found.cells[0].scores
    assert (one.within, one.apart, two.within, two.apart) == ("family", None, None, "batch")


def test_learners_are_told_the_way_if_they_ask(tmp_path: Path) -> None:
    SEEN.clear()
    registry = toy_registry(("learners", LearnerSpec("fixed", "wants its way", f"{__name__}:fixed_way")))
    found = run(tmp_path, registry, learners=["fixed"], train={"episodes": 4, "way": 7})
    assert found.cells[0].status == "finished"
    assert SEEN == [7]


SEEN: list[int] = []


def fixed_way(encoder: torch.nn.Module, *, way: int) -> object:
    """Prototypical networks that write down the way they are given."""
    SEEN.append(way)
    return Prototypical(encoder)


class Centred(Learner):
    """Prototypical networks on embeddings from which the training set's mean was taken."""

    trains = False
    wants_base = True

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.zeros(()))

    def begin(self, embeddings: torch.Tensor, labels: torch.Tensor) -> None:
        BASES.append((tuple(embeddings.shape), len(labels.unique()), float(embeddings.mean())))
        self.mean = embeddings.mean(0)

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        assert self.mean.ndim == 1, "begin comes before evaluation"
        return Prototypical(self.encoder).adapt(support)

    def loss(self, episodes: Episodes) -> torch.Tensor:
        raise AssertionError("has no training of its own")


BASES: list[tuple[tuple[int, ...], int, float]] = []


def centred(encoder: torch.nn.Module) -> Learner:
    """A learner that wants to see the training set."""
    return Centred(encoder)


@pytest.mark.parametrize("trained", ["none", "all"])
def test_a_learner_sees_the_training_set_once_before_evaluation(tmp_path: Path, trained: str) -> None:
    BASES.clear()
    registry = toy_registry(("learners", LearnerSpec("centred", "wants a base", f"{__name__}:centred")))
    encoders = {"toy": {"use": "toy_encoder", "train": trained}}
    [cell] = run(tmp_path, registry, learners=["centred"], encoders=encoders).cells
    assert cell.error is None
    assert cell.note == "nothing to train"
    [(shape, classes, mean)] = BASES
    assert shape == (12 * 24, 16)
    assert classes == 12
    torch.manual_seed(0)
    source, encoder = Toy(), toy_encoder().eval()
    raw = [source.fetch(int(row)) for row in source.catalogue("train").rows]
    assert mean == pytest.approx(float(encoder(encoder.prepare(raw)).mean().detach()), abs=1e-5)


def test_a_pretraining_is_shared_by_the_learners_that_begin_with_it(tmp_path: Path) -> None:
    learners = [
        {"use": "simpleshot", "pretrain": {"epochs": 3, "learning_rate": 0.01}},
        {"use": "linear_probe", "pretrain": {"epochs": 3, "learning_rate": 0.01}},
        {"use": "baseline++", "pretrain": {"epochs": 3, "learning_rate": 0.01}},
        {"id": "plain", "use": "simpleshot"},
    ]
    found = {cell.learner: cell for cell in run(tmp_path, learners=learners).cells}
    assert all(cell.status == "finished" for cell in found.values())
    # Linear and cosine heads teach different encoders; what shares a head shares the encoder.
    assert len(list((tmp_path / "pretrained").iterdir())) == 2
    assert found["simpleshot"].train.pretrain_seconds == found["linear_probe"].train.pretrain_seconds
    assert [found[name].trained for name in ("simpleshot", "baseline++", "plain")] == [True, True, False]
    assert found["simpleshot"].scores[0].accuracy > found["plain"].scores[0].accuracy + 0.05


def test_a_learner_has_settings_of_its_own(tmp_path: Path) -> None:
    learners = [
        "prototypical",
        {"use": "maml", "train": {"episodes": 20, "way": 3}, "evaluate": {"shapes": ["3w1s"]}},
        {"id": "own", "use": "maml", "head": "prototype", "evaluate": {"batch_statistics": "query"}},
    ]
    found = {cell.learner: cell for cell in run(tmp_path, learners=learners).cells}
    assert [found[name].train.episodes for name in ("prototypical", "maml", "own")] == [60, 20, 60]
    assert [(score.way, score.shot) for score in found["maml"].scores] == [(3, 1)]
    policies = [found[name].scores[0].batch_statistics for name in ("prototypical", "maml", "own")]
    assert policies == ["frozen", "support", "query"]


def test_a_source_has_settings_of_its_own_and_a_learners_go_before_them(tmp_path: Path) -> None:
    sources = {
        "toy": None,
        "small": {
            "use": "toy",
            "classes": 20,
            "train": {"episodes": 24, "way": 3},
            "pretrain": {"epochs": 1},
            "evaluate": {"shapes": ["3w1s"]},
        },
    }
    learners = [
        "prototypical",
        {"id": "own", "use": "prototypical", "train": {"episodes": 12}, "pretrain": {"batch": 32}},
    ]
    found = {
        (cell.source, cell.learner): cell for cell in run(tmp_path, sources=sources, learners=learners).cells
    }
    trained = {
        key: (cell.train.episodes, cell.train.way, cell.train.pretrain_epochs) for key, cell in found.items()
    }
    assert trained == {
        ("toy", "prototypical"): (60, 5, None),
        ("toy", "own"): (12, 5, 20),
        ("small", "prototypical"): (24, 3, None),
        ("small", "own"): (12, 3, 1),
    }
    assert [str(score.shape) for score in found["small", "own"].scores] == ["3w1s"]
    assert [str(score.shape) for score in found["toy", "own"].scores] == ["5w1s", "3w2s"]


def test_an_encoders_settings_go_between_a_sources_and_a_learners(tmp_path: Path) -> None:
    own = {
        "train": {"episodes": 16, "clip": 1.0},
        "pretrain": {"epochs": 2},
        "evaluate": {"shapes": ["3w1s"]},
    }
    encoders = {"toy": ["toy_encoder", {"id": "own", "use": "toy_encoder", "settings": own}]}
    learners = [
        "prototypical",
        {"id": "last", "use": "prototypical", "train": {"episodes": 8}, "pretrain": {"batch": 32}},
    ]
    source = {"use": "toy", "train": {"episodes": 24, "way": 3}, "pretrain": {"epochs": 1}}
    found = run(tmp_path, sources={"toy": source}, encoders=encoders, learners=learners).cells
    trained = {
        (cell.encoder, cell.learner): (cell.train.episodes, cell.train.way, cell.train.pretrain_epochs)
        for cell in found
    }
    assert trained == {
        ("toy_encoder", "prototypical"): (24, 3, None),
        ("toy_encoder", "last"): (8, 3, 1),
        ("own", "prototypical"): (16, 3, None),
        ("own", "last"): (8, 3, 2),
    }
    shapes = {cell.encoder: [str(score.shape) for score in cell.scores] for cell in found}
    assert shapes == {"toy_encoder": ["5w1s", "3w2s"], "own": ["3w1s"]}


def test_an_encoders_own_learning_rate_shows_in_its_figures(tmp_path: Path) -> None:
    def own(name: str, **train: Any) -> dict[str, Any]:
        return {"id": name, "use": "toy_encoder", "settings": {"train": train}}

    encoders = {"toy": ["toy_encoder", own("same", learning_rate=0.003), own("still", learning_rate=1e-12)]}
    found = {cell.encoder: cell for cell in run(tmp_path, encoders=encoders).cells}
    figures = {name: [score.accuracy for score in cell.scores] for name, cell in found.items()}
    assert figures["same"] == figures["toy_encoder"]
    assert figures["still"][0] < figures["toy_encoder"][0] - 0.05


def test_what_was_said_of_every_query_is_kept(tmp_path: Path) -> None:
    for cell in run(tmp_path, learners=["prototypical", "simpleshot"]).cells:
        outcomes = read_outcomes(tmp_path / "cells" / cell.id / "outcomes.npz")
        for score, one in zip(cell.scores, outcomes, strict=True):
            assert one.accuracy.mean() == pytest.approx(score.accuracy, abs=1e-12)
            hits = (one.labels == one.predicted).astype(float)
            assert np.bincount(one.episode, hits) / one.queries == pytest.approx(one.accuracy)
            assert ((one.rank == 0) == (one.labels == one.predicted)).all()
            assert (one.tied == 1).all()
            assert one.confidence.min() >= 1 / score.way - 1e-6
            assert one.confidence.max() <= 1


def test_figures_beside_accuracy_are_those_of_the_outcomes(tmp_path: Path) -> None:
    [cell] = run(tmp_path).cells
    kept = read_outcomes(tmp_path / "cells" / cell.id / "outcomes.npz")
    assert [sorted(score.metrics) for score in cell.scores] == [
        ["ece", "macro_f1", "top_2", "top_3"],
        ["ece", "macro_f1", "top_2"],
    ]
    for score, one in zip(cell.scores, kept, strict=True):
        assert score.metrics["macro_f1"].mean == macro_f1(one)
        assert score.metrics["top_2"].mean == pytest.approx(float((one.rank < 2).mean()))
        assert score.metrics["top_2"].ci95 is not None
        assert score.metrics["ece"].mean == expected_calibration_error(reliability([one]))
        assert score.class_ci95 == class_interval(one)
        assert score.class_ci95 and score.class_ci95[0] <= score.accuracy <= score.class_ci95[1]


FAMILIES = {"way": 3, "shot": 1, "within": "family"}


def test_classes_that_share_a_group_are_resampled_by_group(tmp_path: Path) -> None:
    [cell] = run(tmp_path, evaluate={"shapes": [FAMILIES], "episodes": 20, "queries": 3}).cells
    [kept] = read_outcomes(tmp_path / "cells" / cell.id / "outcomes.npz")
    families = [f"test-{int(name[-3:]) % 2}" for name in kept.classes]
    assert cell.scores[0].class_ci95 == class_interval(kept, families)


def test_classes_that_were_made_of_one_are_resampled_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Catalogue.build.__func__

    def copied(cls: type[Catalogue], labels: list[str], *more: Any, **named: Any) -> Catalogue:
        return build(cls, labels, *more, **named, origins={name: str(int(name[-3:]) // 3) for name in labels})

    monkeypatch.setattr(Catalogue, "build", classmethod(copied))
    shapes = {"shapes": ["3w1s", FAMILIES], "episodes": 20, "queries": 3}
    [cell] = run(tmp_path, evaluate=shapes).cells
    kept = read_outcomes(tmp_path / "cells" / cell.id / "outcomes.npz")
    numbers = [int(name[-3:]) for name in kept[0].classes]
    origins, families = [str(one // 3) for one in numbers], [f"test-{one % 2}" for one in numbers]
    assert cell.scores[0].class_ci95 == class_interval(kept[0], origins) != class_interval(kept[0])
    assert cell.scores[1].class_ci95 == class_interval(kept[1], families)


def test_a_run_compares_and_ranks_its_rows(tmp_path: Path) -> None:
    wanted = {"learners": ["prototypical", "simpleshot", "matching"], "seeds": [0, 1]}
    found = run(tmp_path, **wanted)
    assert load(tmp_path) == found
    assert [(one.source, one.shape) for one in found.comparisons] == [("toy", "5w1s"), ("toy", "3w2s")]
    for one in found.comparisons:
        assert [row.learner for row in one.rows] == wanted["learners"]
        assert [row.seeds for row in one.rows] == [2, 2, 2]
        assert all(row.seeds_ci95 is not None and row.p_adjusted is not None for row in one.rows)
    [ranking] = found.rankings
    assert ranking.tasks == 2
    assert ranking.critical_difference == pytest.approx(critical_difference(3, 2))
    assert run(tmp_path, **wanted) == found  # all cells finished: computed again from the same outcomes


def test_a_metric_customary_in_a_modality_is_scored_unasked(tmp_path: Path) -> None:
    custom = MetricSpec("own", "a metric", "kshot.metrics:cross_entropy", customary=("toy",))
    [cell] = run(tmp_path, toy_registry(("metrics", custom))).cells
    assert all("own" in score.metrics and "equal_error_rate" not in score.metrics for score in cell.scores)


def test_speech_is_scored_by_its_equal_error_rate() -> None:
    entry = toy_registry().find("metrics", "equal_error_rate")
    assert isinstance(entry.spec, MetricSpec) and entry.spec.customary == ("audio",)
    assert entry.resolve() is equal_error_rate


def test_a_mistake_in_a_sources_settings_names_its_place() -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.toy\.train\.episode: unknown key; did you mean"):
        plan(sources={"toy": {"train": {"episode": 3}}})


@pytest.mark.parametrize("use", ["maml", "meta_lstm"])
def test_a_head_of_fixed_way_is_told_before_anything_runs(tmp_path: Path, use: str) -> None:
    learners = ["prototypical", use, {"id": "any", "use": use, "head": "prototype"}]
    with pytest.raises(ConfigurationError) as raised:
        run(tmp_path, learners=learners, seeds=[0, 1])
    [problem] = raised.value.problems
    assert problem.startswith(
        f"{use}.toy_encoder.toy.0, {use}.toy_encoder.toy.1: learner '{use}' serves 5 classes"
    )
    assert "cannot be tested on 3w2s; set its head to one that serves any way" in problem
    assert not (tmp_path / "results.json").exists()


def test_a_head_of_fixed_way_may_have_a_training_of_its_own(tmp_path: Path) -> None:
    learner = {"use": "maml", "train": {"episodes": 2, "way": 3}, "evaluate": {"shapes": ["3w2s"]}}
    [cell] = run(tmp_path, learners=[learner]).cells
    assert cell.status == "finished"


def test_a_mistake_in_a_learners_settings_names_its_place() -> None:
    with pytest.raises(ConfigurationError) as raised:
        plan(learners=[{"use": "maml", "train": {"episode": 3}, "pretrain": {"epochs": 0}}])
    assert "learners.0.train.episode: unknown key; did you mean 'episodes'" in str(raised.value)
    assert "learners.0.pretrain.epochs: input should be greater than or equal to 1" in str(raised.value)
