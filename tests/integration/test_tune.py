"""``kshot tune``: what it measures, what it writes, and that a run follows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kshot.benchmark import measuring, run_benchmark
from kshot.benchmark.data import Data
from kshot.benchmark.measuring.works import Bench
from kshot.cli import main
from kshot.config import StrategyEntry, parse
from kshot.errors import ConfigurationError
from kshot.functional import chosen
from kshot.learners.maml import MAML

from .conftest import configuration, plan, run, toy_registry

LEARNERS = ["prototypical", {"use": "maml", "inner_steps": 1}]


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("kshot.registry.load_registry", toy_registry)
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def favouring(**values: Any):
    """A clock for which a work takes half as long for each of some values of a strategy."""

    def clock(work: Any, entry: StrategyEntry) -> float:
        return 0.5 ** sum(
            getattr(entry, name) == value for name, value in values.items() if name in work.depends
        )

    return lambda device: clock


SHAPES = {"shapes": ["5w1s"], "queries": 5, "episodes": 20}


def write(**changes: Any) -> str:
    whole = configuration(**{"learners": LEARNERS, "evaluate": SHAPES} | changes)
    text = yaml.safe_dump(whole, sort_keys=False)
    Path("toy.yaml").write_text(f"# mine\n{text}")
    return "toy.yaml"


def test_a_choice_is_written_and_read_back(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(measuring, "_clock", favouring(tasks="loop", chunk=80))
    name = write()
    before = Path(name).read_text()
    assert main(["tune", name, "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "maml.toy_encoder.toy.*" in out
    assert "tasks: loop" in out
    written = Path(name).read_text()
    assert written.startswith(before)
    strategy = parse(written)["strategy"]
    assert strategy == {
        "cpu": {"prototypical.toy_encoder.toy.*": {"chunk": 80}, "maml.toy_encoder.toy.*": {"tasks": "loop"}}
    }
    made = plan(learners=LEARNERS, strategy=strategy)
    assert [made.strategy(cell, "cpu") for cell in made.cells] == [
        StrategyEntry(chunk=80),
        StrategyEntry(tasks="loop"),
    ]
    assert {made.strategy(cell, "cuda") for cell in made.cells} == {StrategyEntry()}
    assert main(["tune", name, "--device", "cpu"]) == 0
    assert "nothing to write" in capsys.readouterr().out
    assert Path(name).read_text() == written


def test_a_tie_writes_nothing_and_takes_away_what_stood_there(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(measuring, "_clock", favouring())
    name = write(strategy={"cpu": {"maml.*": {"chunk": 7}}, "cuda": {"*": {"tasks": "vmap"}}})
    assert main(["tune", name, "--device", "cpu"]) == 0
    assert "as shipped" in capsys.readouterr().out
    assert parse(Path(name).read_text())["strategy"] == {"cuda": {"*": {"tasks": "vmap"}}}


def test_a_file_of_its_own_is_written_to_be_included(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(measuring, "_clock", favouring(concurrent=False))
    name = write()
    before = Path(name).read_text()
    assert main(["tune", name, "--only", "maml.*", "--out", "here.yaml", "--device", "cpu"]) == 0
    assert "let toy.yaml include: here.yaml" in capsys.readouterr().out
    assert Path(name).read_text() == before
    assert parse(Path("here.yaml").read_text()) == {
        "strategy": {"cpu": {"maml.toy_encoder.toy.*": {"concurrent": False}}}
    }
    Path(name).write_text(f"include: here.yaml\n{before}")
    assert main(["bench", name, "--device", "cpu"]) == 0
    Path("here.yaml").unlink()
    Path(name).write_text(before)
    capsys.readouterr()
    assert main(["bench", name, "--device", "cpu"]) == 0
    assert "2 cells, 2 of them finished already" in capsys.readouterr().out, "a strategy changes no figure"


def test_dry_run_writes_nothing(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(measuring, "_clock", favouring(chunk=80))
    name = write()
    before = Path(name).read_text()
    assert main(["tune", name, "--dry-run", "--device", "cpu"]) == 0
    assert Path(name).read_text() == before


def test_a_file_in_braces_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(measuring, "_clock", favouring(chunk=80))
    Path("toy.yaml").write_text(str(parse(Path(write()).read_text())).replace("None", "null"))
    assert main(["tune", "toy.yaml", "--device", "cpu"]) == 2
    assert "give --out a file of its own" in capsys.readouterr().err


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(
        ConfigurationError, match=r"strategy\.cpu: no cell matches 'mam\.\*'; did you mean 'maml"
    ):
        plan(learners=LEARNERS, strategy={"cpu": {"mam.*": {"chunk": 7}}})


def test_a_later_pattern_goes_before_an_earlier_one() -> None:
    made = plan(
        learners=LEARNERS, strategy={"cpu": {"*": {"chunk": 7, "tasks": "loop"}, "maml.*": {"chunk": 9}}}
    )
    assert [made.strategy(cell, "cpu").chunk for cell in made.cells] == [7, 9]
    assert {made.strategy(cell, "cpu").tasks for cell in made.cells} == {"loop"}


def test_a_run_computes_under_its_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[StrategyEntry] = set()
    loss = MAML.loss
    monkeypatch.setattr(MAML, "loss", lambda self, episodes: seen.add(chosen()) or loss(self, episodes))
    found = run(tmp_path, learners=LEARNERS[1:], evaluate=SHAPES, strategy={"cpu": {"*": {"tasks": "loop"}}})
    assert found.cells[0].error is None
    assert seen == {StrategyEntry(tasks="loop")}


@pytest.mark.parametrize("policy", ["frozen", "support"])
@pytest.mark.parametrize("trained", ["all", "none"])
def test_what_is_timed_is_what_a_run_does(policy: str, trained: str) -> None:
    made = plan(
        learners=[*LEARNERS, {"use": "maml", "adapt": "head", "id": "head"}, "simpleshot", "siamese"],
        encoders={"toy": {"use": "toy_encoder", "train": trained}},
        evaluate={**SHAPES, "batch_statistics": policy},
    )
    data = Data(made.configuration, torch.device("cpu"))
    for cell in made.cells:
        works = Bench(cell, data, torch.device("cpu")).works()
        names = [work.name for work in works]
        adapts = cell.id.startswith("maml.")
        embeds = policy == "frozen" and not adapts
        assert ("embed" in names) is embeds, cell.id
        for work in works:
            work.do()
            assert work.times > 0
        if "train" in names:
            [train] = [work for work in works if work.name == "train"]
            assert train.times == 60 / 8


def test_tuning_for_real_ends_and_runs(tmp_path: Path, capsys) -> None:
    name = write(train={"episodes": 8, "meta_batch": 2}, evaluate=SHAPES)
    assert main(["tune", name, "--only", "maml.*", "--device", "cpu"]) == 0
    read = parse(Path(name).read_text())
    read["sources"] = {"toy": None}
    made = plan(**read)
    found = run_benchmark(made, tmp_path / "out", name, torch.device("cpu"))
    assert [cell.error for cell in found.cells] == [None, None]
