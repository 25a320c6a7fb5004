"""A classifier by a learner that a benchmark trained: the same logits, wherever it goes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot import FewShotClassifier
from kshot.cli import main
from kshot.errors import KshotError
from kshot_text.trials import saved_bert
from PIL import Image

from .benchmarks import WORDS, Run, glyph_run, text_run

SCRATCH: list[Any] = [
    "prototypical",
    {"id": "proto-support", "use": "prototypical", "evaluate": {"batch_statistics": "support"}},
    {"id": "proto-query", "use": "prototypical", "evaluate": {"batch_statistics": "query"}},
    {"use": "matching", "context_width": 4},
    "siamese",
    {"use": "maml", "inner_steps": 2, "inner_rate": 0.1},
    {"id": "maml-shared", "use": "maml", "adapt": "last", "head": "shared", "learned_rates": "tensor"},
    {"id": "anil", "use": "maml", "adapt": "head", "head": "prototype", "learned_rates": "element"},
    {"use": "meta_lstm", "inner_steps": 2, "hidden": 3},
    {
        "id": "lstm-head",
        "use": "meta_lstm",
        "adapt": "head",
        "head": "prototype",
        "inner_steps": 2,
        "hidden": 3,
    },
    {"use": "simpleshot", "pretrain": {"epochs": 1}},
]
SCRATCH_IDS = [one if isinstance(one, str) else one.get("id", one["use"]) for one in SCRATCH]
ANY_WAY = ["prototypical", "matching", "siamese", "maml-shared", "anil", "lstm-head", "simpleshot"]

PRETRAINED: list[Any] = [
    {"use": "hf-text", "id": "none", "train": "none"},
    {"use": "hf-text", "id": "head", "train": "head"},
    {"use": "hf-text", "id": "last", "train": "last"},
    {"use": "hf-text", "id": "all", "train": "all", "layer_decay": 0.5},
    {"use": "hf-text", "id": "lora", "train": "lora", "lora": {"rank": 2}},
    {"use": "mini_transformer", "vocabulary": 64, "dim": 8, "hidden": 16, "layers": 1},
    {"use": "tfidf", "words": 40},
]
PRETRAINED_IDS = [one.get("id", one["use"]) for one in PRETRAINED]
AROUND_TEXT: list[Any] = [
    "siamese",
    {"use": "maml", "adapt": "head", "head": "prototype", "inner_rate": 0.1},
    {"id": "matching", "use": "matching", "context_width": 4},
]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return glyph_run(tmp_path_factory.mktemp("glyphs"), SCRATCH)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved_bert(tmp_path_factory.mktemp("bert"), WORDS)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory, bert: str) -> Run:
    encoders = [{**one, "model": bert} if one["use"] == "hf-text" else one for one in PRETRAINED]
    return text_run(tmp_path_factory.mktemp("texts"), encoders, AROUND_TEXT)


def assert_same_logits(run: Run, cell: str, place: Path | None = None) -> None:
    """One classifier for each episode of the evaluation, which says what the evaluation said."""
    for number, expected in enumerate(run.logits[cell]):
        support, labels, queries = run.episode(number)
        fitted = FewShotClassifier(learner=place or run.cell(cell)).fit(support, labels)
        np.testing.assert_allclose(
            fitted.decision_function(queries),
            expected.numpy(),
            rtol=2e-4,
            atol=2e-5,
            err_msg=f"episode {number}",
        )


@pytest.mark.parametrize("learner", SCRATCH_IDS)
def test_a_network_from_scratch_says_what_the_evaluation_said(glyphs: Run, learner: str) -> None:
    cell = f"{learner}.conv4.glyphs.0"
    assert_same_logits(glyphs, cell)


@pytest.mark.parametrize("encoder", PRETRAINED_IDS)
@pytest.mark.parametrize("learner", ["siamese", "maml", "matching"])
def test_a_tuned_encoder_says_what_the_evaluation_said(sentences: Run, encoder: str, learner: str) -> None:
    assert_same_logits(sentences, f"{learner}.{encoder}.texts.0")


@pytest.mark.parametrize(
    "learner", ["prototypical", "matching", "siamese", "maml", "meta_lstm", "simpleshot"]
)
def test_a_bundle_needs_the_run_no_more(
    glyphs: Run, learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(glyphs.folder, tmp_path / "run")
    support, labels, queries = glyphs.episode(0)
    cell = f"{learner}.conv4.glyphs.0"
    fitted = FewShotClassifier(learner=str(tmp_path / "run" / "cells" / cell)).fit(support, labels)
    fitted.save(tmp_path / "letters.kshot")
    expected = fitted.predict_proba(queries)
    shutil.rmtree(tmp_path / "run")
    moved.mkdir()
    (tmp_path / "letters.kshot").rename(moved / "other.kshot")
    monkeypatch.chdir(moved)
    loaded = FewShotClassifier.load("other.kshot")
    np.testing.assert_array_equal(loaded.predict_proba(queries), expected)
    assert loaded.recipe_ == fitted.recipe_
    assert loaded.learner == cell
    content = (moved / "other.kshot").read_bytes()
    assert str(tmp_path).encode() not in content
    loaded.partial_fit(support[:1], labels[:1])
    fitted.partial_fit(support[:1], labels[:1])
    np.testing.assert_array_equal(loaded.predict_proba(queries), fitted.predict_proba(queries))


@pytest.mark.parametrize("encoder", PRETRAINED_IDS)
def test_a_bundle_holds_what_was_trained_in_an_encoder(sentences: Run, encoder: str, tmp_path: Path) -> None:
    support, labels, queries = sentences.episode(1)
    fitted = FewShotClassifier(learner=sentences.cell(f"siamese.{encoder}.texts.0")).fit(support, labels)
    fitted.save(tmp_path / "a.kshot")
    loaded = FewShotClassifier.load(tmp_path / "a.kshot")
    np.testing.assert_array_equal(loaded.predict_proba(queries), fitted.predict_proba(queries))


@pytest.mark.parametrize("learner", ANY_WAY)
def test_another_number_of_classes_is_served_where_the_method_can(glyphs: Run, learner: str) -> None:
    support, labels, _ = glyphs.episode(0)
    others = glyphs.episode(1)[0][:2]
    fitted = FewShotClassifier(learner=glyphs.cell(f"{learner}.conv4.glyphs.0")).fit(support, labels)
    fitted.add_class("9", others)
    assert fitted.predict_proba(support).shape == (6, 4)
    fitted.remove_class("0").remove_class("1")
    assert fitted.predict_proba(support).shape == (6, 2)


@pytest.mark.parametrize("learner", ["maml", "meta_lstm"])
def test_a_trained_head_serves_its_own_number_of_classes(glyphs: Run, learner: str) -> None:
    support, labels, queries = glyphs.episode(0)
    fitted = FewShotClassifier(learner=glyphs.cell(f"{learner}.conv4.glyphs.0")).fit(support, labels)
    before = fitted.predict_proba(queries)
    message = f"{learner}.conv4.glyphs.0: its head was trained .* each of 3 classes, .* here are 4.*prototype"
    with pytest.raises(KshotError, match=message):
        fitted.add_class("9", glyphs.episode(1)[0][:2])
    np.testing.assert_array_equal(fitted.predict_proba(queries), before)


def test_a_support_set_changes_no_trained_weight(glyphs: Run) -> None:
    support, labels, _ = glyphs.episode(0)
    cell = glyphs.cell("siamese.conv4.glyphs.0")
    states = [
        FewShotClassifier(learner=cell, random_state=seed)
        .fit(support * count, labels * count)
        ._fitted.settled.state()
        for seed, count in ((0, 1), (1, 2))
    ]
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value.numpy(), states[1][name].numpy())


def test_a_run_is_named_by_its_folder_or_by_a_cell(glyphs: Run, tmp_path: Path) -> None:
    support, labels, queries = glyphs.episode(0)

    def said(learner: Path | str) -> Any:
        return FewShotClassifier(learner=learner).fit(support, labels).decision_function(queries)

    expected = said(glyphs.cell("siamese.conv4.glyphs.0"))
    np.testing.assert_array_equal(said(f"{glyphs.folder}/siamese.conv4.glyphs.0"), expected)
    alone = tmp_path / "alone"
    shutil.copytree(glyphs.folder, alone)
    stored = json.loads((alone / "results.json").read_text())
    stored["cells"] = [one for one in stored["cells"] if one["learner"] == "siamese"]
    (alone / "results.json").write_text(json.dumps(stored))
    np.testing.assert_array_equal(said(alone), expected)
    with pytest.raises(
        KshotError, match=r"it holds 11 trained cells; name one: .*/ID, ID of prototypical\.conv4"
    ):
        said(glyphs.folder)
    with pytest.raises(KshotError, match=r"has no cell 'siamse.*did you mean 'siamese\.conv4\.glyphs\.0'\?"):
        said(glyphs.folder / "cells" / "siamse.conv4.glyphs.0")
    with pytest.raises(KshotError, match="no such learner, and no benchmark is there"):
        said(tmp_path / "nowhere" / "cells" / "x")


def test_a_folder_of_a_learners_name_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prototypical").mkdir()
    fitted = FewShotClassifier("tfidf", "prototypical").fit(
        ["boil stir", "oven stir", "road", "wheel"], [*"aabb"]
    )
    assert fitted.recipe_.cell is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encoder": "pixels"}, r"encoder 'pixels': .* was trained with 'conv4'.*leave encoder out"),
        (
            {"encoder": "conv4", "encoder_options": {"width": 64}},
            r"encoder_options\.width: .* with 4, not 64",
        ),
        ({"encoder_options": {"widht": 4}}, r"widht: .* no such option; did you mean 'width'"),
        ({"learner_options": {"margin": 2.0}}, r"learner_options\.margin: .* with 5\.0, not 2\.0"),
    ],
)
def test_contradictions_are_refused(glyphs: Run, given: dict[str, Any], message: str) -> None:
    support, labels, _ = glyphs.episode(0)
    with pytest.raises(KshotError, match=message):
        FewShotClassifier(learner=glyphs.cell("siamese.conv4.glyphs.0"), **given).fit(support, labels)


def test_what_agrees_may_be_said(glyphs: Run, sentences: Run, bert: str) -> None:
    support, labels, _ = glyphs.episode(0)
    cell = glyphs.cell("siamese.conv4.glyphs.0")
    FewShotClassifier("conv4", cell, encoder_options={"width": 4}).fit(support, labels)
    support, labels, _ = sentences.episode(0)
    cell = sentences.cell("siamese.head.texts.0")
    FewShotClassifier(f"hf-text:{bert}", cell).fit(support, labels)
    with pytest.raises(KshotError, match=r"encoder_options\.model: .* leave it out"):
        FewShotClassifier("hf-text:other", cell).fit(support, labels)


@pytest.mark.parametrize("encoder", ["head", "last", "lora", "mini_transformer"])
def test_a_checkpoint_serves_where_a_run_left_nothing_else(
    sentences: Run, encoder: str, tmp_path: Path
) -> None:
    shutil.copytree(sentences.folder, tmp_path / "run")
    cell = f"siamese.{encoder}.texts.0"
    (tmp_path / "run" / "cells" / cell / "learner.safetensors").unlink()
    assert_same_logits(sentences, cell, tmp_path / "run" / "cells" / cell)


def test_a_checkpoint_that_lacks_the_encoder_is_refused(sentences: Run, tmp_path: Path) -> None:
    shutil.copytree(sentences.folder, tmp_path / "run")
    cell = tmp_path / "run" / "cells" / "siamese.tfidf.texts.0"
    (cell / "learner.safetensors").unlink()
    support, labels, _ = sentences.episode(0)
    with pytest.raises(KshotError, match="encoder 'tfidf': _extra_state is missing there"):
        FewShotClassifier(learner=cell).fit(support, labels)
    (cell / "checkpoint.safetensors").unlink()
    with pytest.raises(
        KshotError, match=r"neither learner\.safetensors nor checkpoint\.safetensors is there"
    ):
        FewShotClassifier(learner=cell).fit(support, labels)


@pytest.mark.parametrize("length", [0, 9, 200])
def test_a_damaged_learner_is_refused(glyphs: Run, length: int, tmp_path: Path) -> None:
    shutil.copytree(glyphs.folder, tmp_path / "run")
    cell = tmp_path / "run" / "cells" / "siamese.conv4.glyphs.0"
    path = cell / "learner.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    support, labels, _ = glyphs.episode(0)
    with pytest.raises(KshotError, match="not a learner's weights, or damaged"):
        FewShotClassifier(learner=cell).fit(support, labels)


def test_the_command_line_takes_a_cell_too(
    glyphs: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    support, labels, queries = glyphs.episode(0)
    for number, (raw, label) in enumerate(zip(support, labels, strict=True)):
        (tmp_path / "own" / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(raw)).save(tmp_path / "own" / label / f"{number}.png")
    out, cell = str(tmp_path / "own.kshot"), f"{glyphs.folder}/siamese.conv4.glyphs.0"
    assert main(["fit", str(tmp_path / "own"), "--learner", cell, "--out", out, "--draws", "0"]) == 0
    assert main(["inspect", out]) == 0
    shown = capsys.readouterr().out
    assert "encoder: conv4 (" in shown
    assert "trained by: cell siamese.conv4.glyphs.0" in shown
    loaded = FewShotClassifier.load(out)
    by_hand = FewShotClassifier(learner=cell).fit(support, labels)
    np.testing.assert_allclose(loaded.predict_proba(queries), by_hand.predict_proba(queries), rtol=1e-4)


def test_statistics_of_the_queries_are_warned_of(glyphs: Run, caplog: pytest.LogCaptureFixture) -> None:
    support, labels, _ = glyphs.episode(0)
    for learner, told in (("proto-support", False), ("proto-query", True)):
        caplog.clear()
        FewShotClassifier(learner=glyphs.cell(f"{learner}.conv4.glyphs.0")).fit(support, labels)
        assert ("batch_statistics: query" in caplog.text) == told
