"""Planning: every name found, every option checked, all problems at once."""

from __future__ import annotations

import pytest
from kshot import EncoderSpec, SourceSpec
from kshot.errors import ConfigurationError
from kshot.registry import Registry
from kshot.splits import SplitOptions

from .conftest import plan, toy_registry


def problems(registry: Registry | None = None, /, **changes: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plan(registry, **changes)
    return str(caught.value)


def test_the_grid_is_the_product_of_its_lists() -> None:
    found = plan(
        seeds=[0, 1],
        sources={"a": {"use": "toy"}, "b": {"use": "toy", "seed": 1}},
        learners=["prototypical", {"use": "prototypical", "distance": "cosine"}],
    )
    ids = [cell.id for cell in found.cells]
    assert len(ids) == len(set(ids)) == 8
    assert ids[0] == "prototypical.toy_encoder.a.0"
    assert ids[-1] == "prototypical+distance=cosine.toy_encoder.b.1"
    assert [cell.id for cell in found.only("*cosine*.b.*").to_run()] == [
        i for i in ids if "cosine" in i and ".b." in i
    ]


def test_an_option_may_stand_after_a_colon() -> None:
    registry = toy_registry(
        ("encoders", EncoderSpec("wide", "of any width", f"{__name__}:wide", modality="toy", takes="shape"))
    )
    entries = ["wide:some/where", {"use": "wide:some/where", "depth": 2}, {"use": "wide", "shape": "else"}]
    found = plan(registry, encoders={"toy": [*entries, {"id": "mine", "use": "wide:x"}]})
    assert [cell.encoder.id for cell in found.cells] == ["wide-where", "wide-where+depth=2", "wide", "mine"]
    assert [cell.encoder.options["shape"] for cell in found.cells] == [
        "some/where",
        "some/where",
        "else",
        "x",
    ]
    text = problems(
        registry, encoders={"toy": ["wide", "toy_encoder:8", {"use": "wide:a", "id": "twice", "shape": "b"}]}
    )
    assert "shape: is missing" in text
    assert "'toy_encoder' takes nothing after a colon" in text
    assert "'wide' is given 'shape' twice" in text


def wide(*, shape: str, depth: int = 1) -> object:
    """Never called: a plan builds no encoder."""
    raise AssertionError(shape, depth)


def test_a_named_source_is_a_spec_with_options_and_published_splits() -> None:
    spec = SourceSpec(
        "sayings",
        "a data set with a name",
        f"{__name__}:table",
        modality="toy",
        options={"path": "hub:somebody/sayings", "label": "kind"},
        splits={"first": {"fractions": [0.5, 0.0, 0.5], "seed": 3}, "lists": {"train": ["x"], "test": ["y"]}},
    )
    registry = toy_registry(("sources", spec))
    found = plan(
        registry,
        sources={
            "sayings": {"split": "first"},
            "mine": {"use": "sayings", "path": "here.csv", "split": {"fractions": [0.4, 0.2, 0.4]}},
        },
    )
    first, mine = (cell.source.record for cell in found.cells)
    assert (first["path"], first["label"]) == ("hub:somebody/sayings", "kind")
    assert first["split"] == {"fractions": [0.5, 0.0, 0.5], "seed": 3}
    assert (mine["path"], mine["split"]["fractions"]) == ("here.csv", [0.4, 0.2, 0.4])
    text = problems(registry, sources={"sayings": {"split": "frist"}})
    assert "'sayings' has no published split 'frist'; did you mean 'first'? (it has: first, lists)" in text


def table(*, path: str, label: str = "label", split: SplitOptions | None = None) -> object:
    """Never called: a plan opens no source."""
    raise AssertionError(path, label, split)


def test_cells_can_be_left_out() -> None:
    found = plan(seeds=[0, 1, 2], leave_out=["*.1", "*.2"])
    assert [cell.seed for cell in found.cells] == [0]
    assert "leaves no cell to run" in problems(leave_out=["*"])


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("prototypicl.*", "prototypical.*"),
        ("*.toy_encodr.*", "*.toy_encoder.*"),
        ("mml.toy_encoder.toy.0", "maml.toy_encoder.toy.0"),
    ],
)
def test_a_pattern_that_leaves_nothing_out_is_told_with_one_that_does(pattern: str, meant: str) -> None:
    text = problems(learners=["prototypical", "maml"], leave_out=["prototypical.*", pattern])
    assert f"leave_out: no cell matches '{pattern}'; did you mean '{meant}'?\n" in f"{text}\n"
    assert "1 problem" in text


def test_a_pretraining_that_nobody_asks_for_cannot_be_changed() -> None:
    changes: dict[str, object] = {
        "sources": {"toy": {"pretrain": {"epochs": 3}}, "off": {"use": "toy", "pretrain": False}},
        "encoders": {"toy": {"use": "toy_encoder", "settings": {"pretrain": {"epochs": 3}}}},
    }
    text = problems(**changes)
    assert "2 problems" in text
    assert "sources.toy.pretrain: changes a pretraining that neither" in text
    assert "encoders.toy.toy_encoder.settings.pretrain: changes a pretraining that neither" in text
    assert plan(learners=["prototypical", {"use": "simpleshot", "pretrain": {"epochs": 2}}], **changes).cells


def test_a_key_beside_the_options_may_have_been_meant() -> None:
    text = problems(learners=[{"use": "prototypical", "trian": {"way": 5}}])
    assert "learners.prototypical.trian: unknown option; did you mean 'train'? (options: distance" in text


def test_defaults_stand_in_the_record() -> None:
    [cell] = plan().cells
    assert cell.learner.record == {
        "distance": "squared_euclidean",
        "scale": None,
        "learn_scale": False,
        "shrinkage": False,
    }


def test_all_problems_of_a_configuration_come_at_once() -> None:
    text = problems(
        learners=["prototypicl", {"use": "prototypical", "distnce": "cosine"}],
        encoders={"toy": [{"use": "toy_encoder", "dim": "8"}, "toy_encodr"], "audio": "dvector"},
        sources={"toy": {"clases": 3}},
        train={"wy": 5},
        evaluate={"metrics": ["acuracy"]},
    )
    for expected in (
        "train.wy: unknown key; did you mean 'way'?",
        "did you mean 'prototypical'?",
        "distnce: unknown option; did you mean 'distance'?",
        "dim",
        "did you mean 'toy_encoder'?",
        "pip install kshot-audio",
        "clases: unknown option; did you mean 'classes'?",
        "did you mean 'accuracy'?",
    ):
        assert expected in text, f"{expected!r} is missing in:\n{text}"
    assert "8 problems" in text


@pytest.mark.parametrize(
    ("learner", "option"),
    [("prototypical", "scale"), ("matching", "scale"), ("baseline++", "scale"), ("maml", "inner_rate")],
)
def test_a_factor_that_no_learner_can_use_is_told(learner: str, option: str) -> None:
    wrong = [-1.0, 0.0, float("inf"), float("nan")]
    text = problems(learners=[{"use": learner, "id": f"x{n}", option: one} for n, one in enumerate(wrong)])
    for number in range(len(wrong)):
        assert f"learners.x{number}.{option}: " in text


def test_a_source_without_an_encoder_and_an_encoder_without_a_source() -> None:
    text = problems(sources={"toy": None}, encoders={"toy": "toy_encoder", "image": "conv4"})
    assert "pip install kshot-image" in text


def test_only_must_match_something() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no cell matches 'maml\.\*'.*prototypical\.toy_encoder\.toy\.0"
    ):
        plan().only("maml.*")


def test_source_names_become_file_names() -> None:
    assert "a source's name may hold letters" in problems(sources={"a/b": {"use": "toy"}})
