"""Reading configurations: strict, all errors at once, each with its key and the nearest match."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kshot.benchmark.variants import expand
from kshot.config import EncoderVariant, Variant, check, parse, read, settings_of
from kshot.errors import ConfigurationError
from kshot.shapes import Shape

GOOD: dict[str, Any] = {
    "name": "x",
    "sources": {"glyphs": None, "mine": {"use": "image_table", "path": "p"}},
    "encoders": {"image": ["conv4", {"use": "pixels", "train": "none"}], "text": "minilm"},
    "learners": "prototypical",
}


def problems(**changes: Any) -> list[str]:
    return check({**GOOD, **changes})[1]


def test_short_forms_mean_the_long_ones() -> None:
    configuration, found = check(GOOD)
    assert found == []
    assert configuration is not None
    assert configuration.sources["glyphs"].use == "glyphs"
    assert configuration.sources["mine"].options == {"path": "p"}
    assert [variant.use for variant in configuration.encoders["image"]] == ["conv4", "pixels"]
    assert configuration.encoders["image"][1].train == "none"
    assert configuration.learners[0].use == "prototypical"
    assert configuration.evaluate.all_shapes() == [Shape(5, 1, 15), Shape(5, 5, 15)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"learnrs": []}, "learnrs: unknown key; did you mean 'learners'?"),
        ({"train": {"episods": 3}}, "train.episods: unknown key; did you mean 'episodes'?"),
        ({"train": {"way": "5"}}, "train.way: input should be a valid integer (given: '5')"),
        ({"train": {"way": 1}}, "train.way: input should be greater than or equal to 2 (given: 1)"),
        (
            {"train": {"optimizer": "adm"}},
            "train.optimizer: input should be 'adam', 'adamw' or 'sgd' (given: 'adm')",
        ),
        ({"evaluate": {"shapes": ["5x1"]}}, "evaluate.shapes.0: write a shape as '5w1s'"),
        (
            {"evaluate": {"shapes": [{"way": 5, "shots": 1}]}},
            "evaluate.shapes.0.shots: unknown key; did you mean 'shot'?",
        ),
        ({"evaluate": {"shapes": [{"way": 5, "shots": 1}]}}, "evaluate.shapes.0.shot: is missing"),
        (
            {"evaluate": {"episodes": True}},
            "evaluate.episodes: input should be a valid integer (given: True)",
        ),
        ({"seeds": [0, -0.5]}, "seeds.1: input should be a valid integer"),
        ({"seeds": [1, 0, 1]}, "seeds: 1 stands twice; leave one out"),
        ({"sources": {}}, "sources: dictionary should have at least 1 item"),
        ({"encoders": {"image": [{"width": 3}]}}, "encoders.image.0.use: is missing"),
    ],
)
def test_each_problem_names_key_value_and_mend(changes: dict[str, Any], expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems(**changes)), problems(**changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evaluate": {"unknown": {"score": "abc"}}}, "evaluate.unknown.score: input should be 'max_logit'"),
        (
            {"evaluate": {"unknown": {"clases": 5}}},
            "evaluate.unknown.clases: unknown key; did you mean 'classes'?",
        ),
        ({"evaluate": {"unknown": True}}, "evaluate.unknown: input should be a valid dictionary"),
        (
            {"learners": [{"use": "maml", "pretrain": 5}]},
            "learners.0.pretrain: input should be a valid dictionary",
        ),
    ],
)
def test_what_may_also_be_false_is_not_told_to_be_false(changes: dict[str, Any], expected: str) -> None:
    [problem] = problems(**changes)
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("shapes", "named"),
    [
        (["5w1s", "5w5s", "5w1s"], "5w1s"),
        (["5w1s", {"way": 5, "shot": 1}], "5w1s"),
        (["5w1s", {"way": 5, "shot": 1, "queries": 15}], "5w1s"),
        (["2-5w 1s", {"way": [2, 5], "shot": 1}], "2-5w 1s"),
        ([{"fixed": "runs"}, {"fixed": "runs"}], "fixed runs"),
        (["5w1s", {"way": 5, "shot": 1, "queries": 5}, {"way": 5, "shot": 1, "within": "family"}], None),
    ],
)
def test_a_shape_that_stands_twice_is_refused_in_whatever_form(shapes: list[Any], named: str | None) -> None:
    expected = [f"evaluate.shapes: {named} stands twice; leave one out"] if named else []
    assert problems(evaluate={"shapes": shapes}) == expected
    own: Any = {"evaluate": {"shapes": shapes}}
    configuration, found = check({**GOOD, "sources": {"mine": {"use": "glyphs", **own}}})
    assert configuration and not found  # who asks for the queries tells
    _, found = settings_of(configuration, ("sources.mine", configuration.sources["mine"]))
    assert found == [f"sources.mine.{one}" for one in expected]


SHAPE = {"way": 5, "shot": 1}
LEVELS: list[tuple[str, str]] = [
    ("learnrs", "learners"),
    ("inclde", "include"),
    ("train.halving_evry", "halving_every"),
    ("pretrain.epoch", "epochs"),
    ("evaluate.episods", "episodes"),
    ("evaluate.shapes.0.shots", "shot"),
    ("loading.worker", "workers"),
    ("sources.mine.train.meta_bach", "meta_batch"),
    ("sources.mine.pretrain.bach", "batch"),
    ("sources.mine.evaluate.shaps", "shapes"),
    ("sources.mine.evaluate.shapes.0.querys", "queries"),
    ("encoders.image.1.lora.rnk", "rank"),
    ("encoders.image.1.settings.trian", "train"),
    ("encoders.image.1.settings.train.learning_rat", "learning_rate"),
    ("encoders.image.1.settings.pretrain.epoch", "epochs"),
    ("encoders.image.1.settings.evaluate.batch_statistic", "batch_statistics"),
    ("learners.1.train.episods", "episodes"),
    ("learners.1.pretrain.clp", "clip"),
    ("learners.1.evaluate.shaps", "shapes"),
    ("learners.1.evaluate.shapes.0.wy", "way"),
]


@pytest.mark.parametrize(("place", "meant"), LEVELS)
def test_an_unknown_key_is_told_with_the_nearest_match_at_every_level(place: str, meant: str) -> None:
    raw: dict[str, Any] = {
        **GOOD,
        "train": {},
        "pretrain": {},
        "loading": {},
        "evaluate": {"shapes": [SHAPE]},
        "learners": ["maml", {"use": "maml", "train": {}, "pretrain": {}, "evaluate": {"shapes": [SHAPE]}}],
        "encoders": {
            "image": [
                "conv4",
                {"use": "pixels", "lora": {}, "settings": {"train": {}, "pretrain": {}, "evaluate": {}}},
            ]
        },
        "sources": {
            "mine": {"use": "glyphs", "train": {}, "pretrain": {}, "evaluate": {"shapes": [SHAPE]}},
        },
    }
    assert check(raw)[1] == []
    *above, last = place.split(".")
    holder: Any = (raw := parse(json.dumps(raw)))
    for part in above:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    holder[last] = 1
    [problem] = check(raw)[1]
    assert problem.startswith(f"{place}: unknown key; did you mean '{meant}'? (known: ")
    configuration = check(raw)[0]
    assert configuration is not None
    assert len(configuration.learners) == 2, "what stands around the mistake is still there to be checked"


def test_a_wrong_value_among_a_parts_own_settings_is_told_by_its_place() -> None:
    encoder = {"use": "conv4", "settings": {"pretrain": 3, "train": {"way": 1}}}
    found = problems(encoders={"image": encoder}, learners={"use": "maml", "train": {"clip": "x"}})
    assert "encoders.image.settings.train.way: input should be greater than or equal to 2 (given: 1)" in found
    assert "learners.train.clip: input should be a valid number (given: 'x')" in found
    assert any(one.startswith("encoders.image.settings.pretrain: ") for one in found)


def test_include_stands_in_a_file_only() -> None:
    assert problems(include="base.yaml") == ["include: is taken up where a file is read; it cannot be set"]


def test_all_problems_come_at_once_and_the_rest_can_still_be_checked() -> None:
    configuration, found = check({**GOOD, "trian": {}, "train": {"way": 0}, "evaluate": {"episodes": 1}})
    assert len(found) == 3
    assert configuration is not None, "names in the good parts are still to be checked"
    assert check({"name": "x"})[0] is None


def test_yaml_without_its_traps() -> None:
    text = (
        "{rate: 1e-3, classes: [no, yes, on, 1:30, 01, 007, 2024-01-31], flag: true, number: 10, thousand: 1_000, "
        "nothing: 0, less: -5, half: .5, version: 1.2.3, empty: null}"
    )
    assert parse(text) == {
        "rate": 0.001,
        "classes": ["no", "yes", "on", "1:30", "01", "007", "2024-01-31"],
        "flag": True,
        "number": 10,
        "thousand": 1000,
        "nothing": 0,
        "less": -5,
        "half": 0.5,
        "version": "1.2.3",
        "empty": None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' stands twice, the first time at line 1"),
        ("a: [1\n", "not valid YAML: line 2, column 1: expected ',' or '\\]'"),
        ("a:\n\tb: 1\n", "not valid YAML: line 2: indented with a tab; indent with spaces"),
        ("a:\t1\n", "line 1: a tab after 'a:'; write spaces"),
        ("a:\n  b: 1\n c: 2\n", "line 3: indented otherwise than the lines above it"),
        ("a:\n  b: 1\n    c: 2\n", "line 3: a key where none can stand; check how it is indented"),
        ("a: [*.b.*]\n", r"line 1: a text that begins with \* needs quotes"),
        ("a: *b\n", r"line 1: undefined alias 'b'; a text that begins with \* needs quotes"),
        ("\na: @b\n", "line 2: a text that begins with @ needs quotes"),
        ("a: &a {b: 1}\nc: {<<: *a}\n", "line 2, column 5: << is not read; write its keys here"),
        ("a: 1\nb: \0\n", r"line 2: a character that is no text \('\\x00'\)"),
        ("- a\n", "a configuration is a mapping"),
        ("", "a configuration is a mapping"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").touch()
    with pytest.raises(ConfigurationError, match=r"no such file; did you mean 'quickstart\.yaml'"):
        read(tmp_path / "quickstrat.yaml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(path)


def test_overrides_reach_every_depth(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "sources: {clinc: null}\nlearners: [prototypical, {use: maml}]\nencoders: {text: minilm}\n"
    )
    raw = read(
        path,
        [
            "train.episodes=100",
            "sources.clinc.path=a/b.parquet",
            "learners.0.distance=cosine",
            "learners.1.order=1",
            "encoders.text.train=none",
            "seeds=[1, 2]",
        ],
    )
    assert raw["train"] == {"episodes": 100}
    assert raw["sources"]["clinc"] == {"path": "a/b.parquet"}
    assert raw["learners"] == [{"use": "prototypical", "distance": "cosine"}, {"use": "maml", "order": 1}]
    assert raw["encoders"]["text"] == {"use": "minilm", "train": "none"}
    assert raw["seeds"] == [1, 2]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.episodes", "write --set key=value"),
        ("=3", "write --set key=value"),
        ("learners.7=maml", "'7' fits nowhere"),
        ("learners.7.x=maml", "nothing under 'learners.7'"),
        ("name.deep.er=1", "nothing under"),
        ("train=[1", "not valid YAML"),
    ],
)
def test_overrides_that_fit_nowhere(tmp_path: Path, override: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("learners: [prototypical]\nname: 3\n")
    with pytest.raises(ConfigurationError, match=message):
        read(path, [override])


def test_an_alias_is_a_copy_and_no_second_name(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("sources: {a: &one {use: toy, path: p}, b: *one}")
    assert read(path, ["sources.b.path=q"])["sources"]["a"]["path"] == "p"
    path.write_text("a: &a [*a]")
    with pytest.raises(ConfigurationError, match="a value contains itself"):
        read(path)


def variants(*entries: Any) -> tuple[list[str], list[str]]:
    expanded, found = expand([Variant.model_validate(entry) for entry in entries], "learners")
    return [one.id for one in expanded], found


def test_ids_are_given_or_built_from_what_differs() -> None:
    assert variants("a", "b") == (["a", "b"], [])
    assert variants("a", {"use": "a", "k": 1}) == (["a", "a+k=1"], [])
    assert variants({"use": "a", "k": 1}) == (["a"], [])
    assert variants({"use": "a", "k": 1, "m": 3}, {"use": "a", "k": 2, "m": 3}) == (["a+k=1", "a+k=2"], [])
    sweeps = [{"use": "a", "k": {"grid": [1, 2]}, "m": m, "n": 5} for m in (3, 4)]
    assert variants(*sweeps)[0] == ["a+k=1+m=3", "a+k=2+m=3", "a+k=1+m=4", "a+k=2+m=4"]
    assert variants({"use": "a", "id": "mine", "k": 1}, "a") == (["mine", "a"], [])
    assert variants({"use": "a", "k": {"grid": [1, 2]}, "m": 3}) == (["a+k=1", "a+k=2"], [])
    assert variants({"use": "a", "k": {"grid": [1, 2]}, "m": {"grid": ["x/y"]}})[0] == [
        "a+k=1+m=x-y",
        "a+k=2+m=x-y",
    ]


def test_sweeps_fix_their_options() -> None:
    expanded, _ = expand([Variant.model_validate({"use": "a", "k": {"grid": [1, 2]}, "m": 3})], "learners")
    assert [one.options for one in expanded] == [{"k": 1, "m": 3}, {"k": 2, "m": 3}]


def test_an_empty_sweep_is_refused() -> None:
    expected = "learners.a.k: a grid needs at least one value"
    assert variants({"use": "a", "k": {"grid": []}})[1] == [expected]


def test_what_an_encoder_trains_is_part_of_its_name_where_it_differs() -> None:
    entries = [EncoderVariant.model_validate(entry) for entry in ("a", {"use": "a", "train": "none"})]
    assert [one.id for one in expand(entries, "encoders.image")[0]] == ["a", "a+train=none"]


def test_ambiguous_and_malformed_ids_are_refused() -> None:
    assert "two variants have the id 'a'" in variants("a", "a")[1][0]
    assert "the id 'a b'" in variants({"use": "a", "id": "a b"})[1][0]
    assert "the id '../x'" in variants({"use": "a", "id": "../x"})[1][0]
