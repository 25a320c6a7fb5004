"""Copies of an example within its class: told, and never on both sides of what is measured."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier
from kshot.classifier.copies import differ, originals
from kshot.classifier.folds import folds_of
from kshot.classifier.neighbours import own_familiarity
from kshot.classifier.support import Support
from kshot.cli import main

from .rows import rows_registered
from .test_calibration import support_of
from .things import texts


def repeated(support: Support, times: int) -> Support:
    """Every example again, with other last bits of its embedding."""
    again = torch.arange(len(support)).repeat(times)
    found = support.taken(again)
    generator = torch.Generator().manual_seed(5)
    noise = 1 + 1e-6 * torch.randn(found.embeddings.shape, generator=generator)
    return Support({"embedding": found.embeddings * noise}, found.embeddings * noise, found.labels)


def test_copies_are_those_of_one_class_with_one_embedding() -> None:
    support, _ = support_of(6)
    twice = repeated(support, 2)
    assert originals(twice).tolist() == [*range(6), *range(6)]
    assert differ(support).all()
    elsewhere = Support(twice.inputs, twice.embeddings, support.labels + ("d",) * 6)
    assert differ(elsewhere).all()
    zeros = torch.zeros(4, 3)
    assert originals(Support({}, zeros, ("a", "b", "a", "b"))).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("scale", [1e-5, 1e3])
def test_copies_are_told_whatever_the_length_of_embeddings(scale: float) -> None:
    twice = repeated(support_of(6)[0], 2)
    assert originals(Support({}, scale * twice.embeddings, twice.labels)).tolist() == [*range(6), *range(6)]


def test_a_copy_says_nothing_of_how_alike_a_class_is() -> None:
    support, _ = support_of()
    alone = own_familiarity(support)
    torch.testing.assert_close(own_familiarity(repeated(support, 3)), alone, rtol=1e-4, atol=1e-4)
    assert own_familiarity(Support({}, torch.ones(4, 3), ("a", "a", "b", "b"))).tolist() == []


def test_no_fold_leaves_a_copy_of_what_it_holds_out() -> None:
    support, _ = support_of()
    twice = repeated(support, 2)
    first = originals(twice)
    asked: list[int] = []
    for left, held in folds_of(twice, 5):
        assert not set(first[left].tolist()) & set(first[held].tolist())
        assert set(twice.numbers[left].tolist()) == {0, 1, 2}
        asked += held.tolist()
    assert sorted(asked) == list(range(12))
    assert not list(folds_of(Support({}, torch.ones(4, 3), ("a", "a", "b", "b")), 5))


@pytest.mark.parametrize("learner", ["prototypical", "siamese"])
def test_given_twice_all_that_is_measured_stays(learner: str, caplog: pytest.LogCaptureFixture) -> None:
    points, labels = support_of(15)[0].embeddings.numpy(), list("abc" * 5)
    with rows_registered():
        once = FewShotClassifier("plain", learner, episodes=2, unknown=0.1).fit(points, labels)
        assert not caplog.messages
        again = np.concatenate([points, points])
        twice = FewShotClassifier("plain", learner, episodes=2, unknown=0.1).fit(again, labels * 2)
    [said] = caplog.messages
    assert said.startswith("fit: 15 of 30 examples are copies of others of their class")
    assert twice.counts_ == {"a": 10, "b": 10, "c": 10}
    assert twice.different_ == once.different_ == {"a": 5, "b": 5, "c": 5}
    assert twice.threshold_ == pytest.approx(once.threshold_, abs=1e-4)
    assert twice.calibration_.examples == once.calibration_.examples == 15
    curves = [made.learning_curve(30) for made in (once, twice)]
    assert [(point.shot, point.asked) for point in curves[0]] == [(p.shot, p.asked) for p in curves[1]]
    if learner == "prototypical":  # what siamese is trained on is drawn of other numbers
        assert curves[0] == curves[1]
        assert twice.temperature_ == pytest.approx(once.temperature_, rel=0.01)


def test_a_class_of_copies_alone_has_no_curve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, labels = texts()
    data = tmp_path / "data.csv"
    rows = [["text", "label"], *zip(words, labels, strict=True), *[["the court judge", "law"]] * 3]
    with data.open("w") as stream:
        csv.writer(stream).writerows(rows)
    assert main(["fit", str(data), "--encoder", "tfidf", "--out", str(tmp_path / "m.kshot")]) == 0
    told = capsys.readouterr().out
    assert "no learning curve: one example alone, so that none can be held out, of law\n" in told
