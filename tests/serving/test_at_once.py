"""Several clients at a time see whole states."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from kshot import FewShotClassifier

from .live import live


def test_every_answer_belongs_to_one_whole_state(words: FewShotClassifier) -> None:
    """Classes come and go while others ask; an answer names exactly the classes of its revision."""
    with live(words) as client, ThreadPoolExecutor(6) as pool:
        changes = [pool.submit(client.teach, f"new {n}", "flour song", "wheel choir") for n in range(8)]
        asked = [pool.submit(client.predict, "flour", "engine song") for _ in range(20)]
        models = [pool.submit(client.get, "/model") for _ in range(20)]
        revisions = {one.result().json["revision"]: one.result().json for one in changes}
        assert sorted(revisions) == list(range(1, 9))  # one after the other, none lost
        assert len(client.counts()) == 11
        for one in asked:
            said = one.result().json
            for prediction in said["predictions"]:
                assert len(prediction["probabilities"]) == 3 + said["revision"]
                assert sum(p["probability"] for p in prediction["probabilities"]) == pytest.approx(1)
        for one in models:
            assert len(one.result().json["classes"]) == 3 + one.result().json["revision"]


def test_a_change_that_fails_leaves_everything_as_it_was(
    words: FewShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even late in learning: the temperature is fitted when most is done."""
    with live(words) as client:
        before, state = client.predict("flour wheel").json, client.desk.state

        def broken(*_: Any) -> None:
            raise ValueError("too late")

        monkeypatch.setattr("kshot.classifier.method.fit_temperature", broken)
        assert client.teach("new", "flour").status == 500
        assert client.forget("cook").status == 500
        monkeypatch.undo()
        assert client.desk.state is state
        assert client.predict("flour wheel").json == before


def test_one_computes_while_readers_are_answered(
    words: FewShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, computing, running, most = Event(), Event(), 0, 0
    real = FewShotClassifier.answers

    def slow(self: FewShotClassifier, *arguments: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        computing.set()
        go.wait(20)
        time.sleep(0.02)
        running -= 1
        return real(self, *arguments)

    with live(words) as client, ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(FewShotClassifier, "answers", slow)
        asked = [pool.submit(client.predict, "flour") for _ in range(4)]
        assert computing.wait(20)
        assert client.get("/healthz").status == 200
        assert client.get("/model").status == 200
        go.set()
        assert [one.result().status for one in asked] == [200] * 4
        assert most == 1
        monkeypatch.undo()
