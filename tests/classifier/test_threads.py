"""A classifier that several threads share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kshot import FewShotClassifier
from kshot.classifier.fitted import Parts

from .things import texts

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
