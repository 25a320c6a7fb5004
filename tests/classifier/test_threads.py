"""A classifier that several threads share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from kshot import FewShotClassifier
from kshot.classifier.fitted import Parts

from .things import TEXTS, texts

ASKED = ["engine and road", "boil the oven", "the choir drum"]
QUESTIONS: dict[str, Callable[[FewShotClassifier], Any]] = {
    "predict": lambda one: one.predict(ASKED).tolist(),
    "predict_proba": lambda one: one.predict_proba(ASKED).tolist(),
    "answers": lambda one: one.answers(ASKED, near=2),
    "familiarity": lambda one: one.familiarity(ASKED).tolist(),
    "explain": lambda one: one.explain(ASKED, count=2),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
def test_an_answer_is_of_one_moment(
    ask: Callable[[FewShotClassifier], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread removes a class while the examples that are asked about are embedded."""
    fitted = FewShotClassifier("tfidf", unknown=0.2).fit(*texts())
    before = ask(fitted)
    embed = Parts.support

    def interrupted(parts: Parts, *given: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(fitted.remove_class, "drive").result()
        return embed(parts, *given)

    monkeypatch.setattr(Parts, "support", interrupted)
    assert ask(fitted) == before
    monkeypatch.undo()
    assert fitted.classes_.tolist() == ["cook", "sing"]
    assert ask(fitted) == ask(FewShotClassifier("tfidf", unknown=0.2).fit(*texts()).remove_class("drive"))


def test_threads_are_answered_as_one_is_by_a_learner_that_adapts_its_encoder() -> None:
    """Adapted weights are put into the encoder's module as long as it computes."""
    things = [text for some in TEXTS.values() for text in some[:2]]
    labels = [label for label in TEXTS for _ in range(2)]
    fitted = FewShotClassifier("minilm", "maml", learner_options={"inner_steps": 1}, episodes=0)
    alone = fitted.fit(things, labels).predict_proba(ASKED)
    start = Barrier(4)

    def asked(_: int) -> list[np.ndarray]:
        start.wait()
        return [fitted.predict_proba(ASKED) for _ in range(12)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(asked, range(4)):
            for each in found:
                np.testing.assert_allclose(each, alone, atol=1e-5)
