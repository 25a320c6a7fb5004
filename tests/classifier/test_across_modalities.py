"""A classifier whose examples are of several modalities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier
from kshot.benchmark import make_plan, run_benchmark
from kshot.errors import KshotError
from kshot.registry import load_registry
from PIL import Image

pytest.importorskip("kshot_image")
pytest.importorskip("kshot_text")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells of a benchmark of pictures and names."""
    raw: dict[str, Any] = {
        "name": "named",
        "sources": {
            "glyphs": {},
            "names": {"use": "class_names", "of": "glyphs"},
            "named": {"use": "aligned", "of": ["glyphs", "names"], "support": "names", "query": "glyphs"},
        },
        "encoders": {
            "mixed": {"use": "joint", "image": {"use": "conv4", "width": 8}, "text": "tfidf", "dim": 16}
        },
        "learners": ["prototypical", {"use": "maml", "inner_steps": 1, "head": "prototype"}],
        "train": {"episodes": 4, "queries": 3, "validations": 0},
        "evaluate": {"shapes": ["5w1s"], "queries": 3, "episodes": 4},
    }
    raw["sources"]["named"]["directions"] = "one"
    folder = tmp_path_factory.mktemp("named")
    plan = make_plan(raw, "named.yaml", load_registry())
    run_benchmark(plan, folder, "named.yaml", torch.device("cpu"))
    return folder / "cells"


def picture(kind: int, seed: int) -> Image.Image:
    """A bar, high or low."""
    pixels = np.full((28, 28), 255, np.uint8)
    pixels[4 + 14 * kind : 9 + 14 * kind, 4:24] = 0
    noise = np.random.default_rng(seed).integers(0, 30, pixels.shape, np.uint8)
    return Image.fromarray(np.maximum(pixels, 30) - noise)


def test_examples_of_two_modalities_are_learnt_and_asked_about(trained: Path, tmp_path: Path) -> None:
    things = [
        *(("image", picture(kind, seed)) for kind in (0, 1) for seed in range(3)),
        ("text", "LATIN LETTER A"),
        ("text", "GREEK LETTER OMEGA"),
    ]
    labels = ["high"] * 3 + ["low"] * 3 + ["high", "low"]
    classifier = FewShotClassifier(learner=str(trained / "prototypical.joint.named.0")).fit(things, labels)
    asked = [("text", "GREEK LETTER OMEGA"), ("image", picture(1, 9)), ("image", picture(0, 9))]
    answers = classifier.predict_proba(asked)
    # What is asked beside a thing of another modality has no say.
    alone = np.concatenate([classifier.predict_proba([one]) for one in asked])
    np.testing.assert_allclose(answers, alone, atol=1e-5)
    path = tmp_path / "bars.png"
    picture(0, 9).save(path)  # a file's ending tells its modality
    np.testing.assert_allclose(classifier.predict_proba([path]), answers[2:], atol=1e-4)
    classifier.save(tmp_path / "bars.kshot")
    again = FewShotClassifier.load(tmp_path / "bars.kshot")
    np.testing.assert_allclose(again.predict_proba(asked), answers, atol=1e-6)
    for thing, words in (
        ("a bare text", "it does not tell its modality"),
        (("txt", "a text"), "there is no modality 'txt'; did you mean 'text'"),
        (("audio", np.zeros(9)), "predict: example 0 cannot be used|no tower for audio"),
    ):
        with pytest.raises(KshotError, match=words):
            classifier.predict([thing])


def test_a_learner_that_adapts_the_encoder_is_refused(trained: Path) -> None:
    things = [("image", picture(kind, seed)) for kind in (0, 1) for seed in range(2)]
    with pytest.raises(KshotError, match="choose a learner that does not adapt the encoder"):
        FewShotClassifier(learner=str(trained / "maml.joint.named.0")).fit(things, [0, 0, 1, 1])
