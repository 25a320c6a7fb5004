"""A classifier in the midst of a program that has settings of torch of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier

from .things import pictures, texts

ASKED = ["boil the oven", "the choir drum"]
MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "half precision": lambda: torch.autocast("cpu", torch.bfloat16),
    "a default device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("encoder", "learner"), [("minilm", "prototypical"), ("tfidf", "siamese")])
def test_no_mode_of_the_callers_changes_an_answer(
    encoder: str, learner: str, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "classifier.kshot"
    things, labels = texts()

    def said() -> list[np.ndarray]:
        fitted = FewShotClassifier(encoder, learner, unknown=0.2, episodes=4).fit(things, labels)
        fitted.add_class("greet", ["hello there", "good morning"])
        fitted.add_negatives(["an invoice of June"])
        fitted.save(path)
        answers = fitted.predict_proba(ASKED), fitted.familiarity(ASKED), fitted.decision_function(ASKED)
        assert fitted.answers(ASKED, near=1) == FewShotClassifier.load(path).answers(ASKED, near=1)
        fitted.remove_negatives().remove_class("greet").learning_curve(2)
        return [*answers, fitted.predict_proba(ASKED)]

    plain = said()
    with MODES[mode]():
        inside = said()
    for one, other in zip(plain, inside, strict=True):
        np.testing.assert_array_equal(one, other)
    with MODES[mode]():
        loaded = FewShotClassifier.load(path)
    np.testing.assert_array_equal(loaded.predict_proba(ASKED), plain[0])


def test_the_random_numbers_that_a_caller_draws_next_are_those_without_a_classifier(tmp_path: Path) -> None:
    drawn = torch.manual_seed(3).get_state()
    FewShotClassifier("tfidf", "matching", episodes=2).fit(*texts()).save(tmp_path / "texts.kshot")
    FewShotClassifier.load(tmp_path / "texts.kshot").predict(ASKED)
    FewShotClassifier("efficientnet_lite0").fit(*pictures(2))
    assert torch.equal(torch.get_rng_state(), drawn)
