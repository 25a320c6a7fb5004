"""The JSON Schema agrees with what is read: no good file is flagged, no wrong one passes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from kshot.cli import main
from kshot.config import check, json_schema, parse

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
GOOD = "{name: x, sources: {a: {use: toy}}, encoders: {toy: [{use: e}]}, learners: [{use: prototypical}]}"

SHORT = [
    "learners: prototypical",
    "learners: {use: maml, order: 1, inner_rate: {grid: [0.1, 0.2]}}",
    "learners: [prototypical, {use: maml, train: {way: 5, clip: null, learning_rate: 1}, pretrain: false}]",
    "sources: {glyphs: , mine: {}, other: glyphs, more: {use: table, path: x, pretrain: {epochs: 3}}}",
    "encoders: {image: conv4, text: {use: minilm, train: lora, lora: {rank: 4}}}",
    "encoders: {toy: {use: e, settings: {train: {episodes: 4}, pretrain: false, evaluate: {shapes: [5w1s]}}}}",
    "evaluate: {shapes: [5w1s, ' 20w5s ', {way: 5, shot: 1, apart: utterance}, {fixed: runs}]}",
    "pretrain: {epochs: 3}",
    "train: {patience: 3, start: some/file.safetensors}",
]
WRONG = [
    "learnrs: x",
    "name: 3",
    "seeds: 0",
    "learners: []",
    "learners: [{distance: cosine}]",
    "learners: {use: maml, train: {wy: 5}}",
    "learners: {use: maml, train: {way: 1}}",
    "learners: {use: maml, pretrain: true}",
    "sources: {a: {train: {episods: 3}}}",
    "sources: {a: {evaluate: {shapes: [5x1]}}}",
    "sources: {a: 3}",
    "encoders: {toy: {use: e, lora: {rnk: 3}}}",
    "encoders: {toy: {use: e, train: some}}",
    "encoders: {toy: {use: e, settings: {train: {optimizer: adm}}}}",
    "encoders: {toy: {use: e, settings: {trian: {}}}}",
    "encoders: {toy: {use: e, settings: {pretrain: {epoch: 3}}}}",
    "evaluate: {shapes: [5w1]}",
    "evaluate: {shapes: [{way: 5, shots: 1}]}",
    "evaluate: {shapes: [{fixed: runs, way: 5}]}",
    "evaluate: {shapes: []}",
    "train: {patience: 0}",
    "loading: {workers: -1}",
]


def flagged(raw: Any) -> list[str]:
    validator = Draft202012Validator(json_schema())
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(raw)]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configurations_are_not_flagged(path: Path) -> None:
    assert flagged(parse(path.read_text())) == []


@pytest.mark.parametrize("change", SHORT)
def test_short_forms_are_not_flagged(change: str) -> None:
    raw = {**parse(GOOD), **parse(change)}
    assert check(raw)[1] == []
    assert flagged(raw) == []


@pytest.mark.parametrize("change", WRONG)
def test_what_is_wrong_to_the_reader_is_flagged(change: str) -> None:
    raw = {**parse(GOOD), **parse(change)}
    assert check(raw)[1] != []
    assert flagged(raw) != []


def test_only_a_file_that_includes_others_may_lack_keys() -> None:
    assert flagged({"name": "x"}) != []
    assert flagged({"name": "x", "include": "base.yaml"}) == []
    assert flagged({"include": ["a.yaml", "b.yaml"]}) == []
    assert flagged({"include": {"a": 3}}) != []


def test_every_key_is_described() -> None:
    def keys(part: Any, place: str) -> Iterator[tuple[str, Any]]:
        if isinstance(part, dict):
            for key, schema in part.get("properties", {}).items():
                yield f"{place}.{key}", schema
            for key, value in part.items():
                yield from keys(value, f"{place}.{key}")
        elif isinstance(part, list):
            for value in part:
                yield from keys(value, place)

    found = dict(keys(json_schema(), ""))
    assert len(found) > 60
    assert [place for place, schema in found.items() if not schema.get("description")] == []
    text = found[".$defs.Train.halving_every"]["description"]
    assert text.startswith("episodes (examples, in pretraining) after which `halving` halves the rate; none:")
    assert text.endswith("a fifth of the training."), "a description over two lines is read to its end"


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
