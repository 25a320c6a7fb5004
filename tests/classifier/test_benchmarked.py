"""A classifier by a learner that a benchmark trained: the same logits, wherever it goes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot import FewShotClassifier
from kshot.errors import KshotError

from ..matrix.hf_text import _saved
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
    {"id": "lstm-head", "use": "meta_lstm", "adapt": "head", "head": "prototype", "inner_steps": 2, "hidden": 3},
    {"use": "simpleshot", "pretrain": {"epochs": 1}},
]
SCRATCH_IDS = [one if isinstance(one, str) else one.get("id", one["use"]) for one in SCRATCH]
ANY_WAY = ["prototypical", "matching", "siamese", "maml-shared", "anil", "lstm-head", "simpleshot"]

BERT = {"use": "hf-text", "model": _saved(tuple(WORDS))}
PRETRAINED: list[Any] = [
    {**BERT, "id": "none", "train": "none"},
    {**BERT, "id": "head", "train": "head"},
    {**BERT, "id": "last", "train": "last"},
    {**BERT, "id": "all", "train": "all", "layer_decay": 0.5},
    {**BERT, "id": "lora", "train": "lora", "lora": {"rank": 2}},
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
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return text_run(tmp_path_factory.mktemp("texts"), PRETRAINED, AROUND_TEXT)


def assert_same_logits(run: Run, cell: str, place: Path | None = None) -> None:
    """One classifier for each episode of the evaluation, which says what the evaluation said."""
    for number, expected in enumerate(run.logits[cell]):
        support, labels, queries = run.episode(number)
        fitted = FewShotClassifier(learner=place or run.cell(cell)).fit(support, labels)
        np.testing.assert_allclose(
            fitted.decision_function(queries), expected.numpy(), rtol=2e-4, atol=2e-5, err_msg=f"episode {number}"
        )


@pytest.mark.parametrize("learner", SCRATCH_IDS)
def test_a_network_from_scratch_says_what_the_evaluation_said(glyphs: Run, learner: str) -> None:
    cell = f"{learner}.conv4.glyphs.0"
    assert_same_logits(glyphs, cell)


@pytest.mark.parametrize("encoder", PRETRAINED_IDS)
@pytest.mark.parametrize("learner", ["siamese", "maml", "matching"])
def test_a_tuned_encoder_says_what_the_evaluation_said(sentences: Run, encoder: str, learner: str) -> None:
    assert_same_logits(sentences, f"{learner}.{encoder}.texts.0")
