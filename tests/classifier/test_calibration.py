"""The threshold of unknown by negatives, and what a classifier says of its own calibration."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier
from kshot.classifier import UNKNOWN
from kshot.classifier.bundle import _digest
from kshot.classifier.curve import CurvePoint, learning_curve_by_folds, shots
from kshot.classifier.doubts import tell_poor_negatives
from kshot.classifier.folds import Fold, folds_of
from kshot.classifier.support import Answering, Support
from kshot.classifier.temperature import Calibration, fit_temperature
from kshot.classifier.threshold import Threshold, calibrate
from kshot.cli import main
from kshot.errors import KshotError
from kshot.learners.siamese import Siamese
from sklearn.metrics import roc_auc_score

from .rows import rows_registered
from .test_bundle import parts, write
from .test_estimator import classifier
from .things import STRANGE, pictures, texts

NEGATIVES = [*STRANGE, "court goal", "judge team zebra"]


def support_of(count: int = 12, dim: int = 6, seed: int = 0) -> tuple[Support, torch.Tensor]:
    """Three noisy directions, and strangers that are anywhere."""
    generator = torch.Generator().manual_seed(seed)
    labels = tuple("abc"[i % 3] for i in range(count))
    points = torch.eye(dim)[torch.arange(count) % 3]
    embeddings = points + 0.3 * torch.randn(count, dim, generator=generator)
    negatives = torch.randn(9, dim, generator=generator)
    return Support({"embedding": embeddings}, embeddings, labels), negatives


def cosines(support: Support, one: torch.Tensor, without: int | None = None) -> float:
    """Largest cosine with a class's mean direction, by a plain loop."""
    found = []
    for name in support.classes:
        own = [
            e / e.norm()
            for i, (e, label) in enumerate(zip(support.embeddings, support.labels, strict=True))
            if label == name and i != without
        ]
        mean = torch.stack(own).sum(0)
        found.append(float(one @ mean / one.norm() / mean.norm()))
    return max(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most", [None, 0.05, 0.25, 0.3])
def test_the_threshold_makes_the_fewest_mistakes_of_all(seed: int, most: float | None) -> None:
    support, negatives = support_of(seed=seed)
    found = calibrate(support, negatives, most)
    assert found is not None
    known = [cosines(support, one, i) for i, one in enumerate(support.embeddings)]
    others = [cosines(support, one) for one in negatives]

    def mistakes(limit: float) -> tuple[float, float]:
        return float(np.mean(np.array(known) < limit)), float(np.mean(np.array(others) >= limit))

    every = [mistakes(limit) for limit in [-2, *np.linspace(-1, 1, 4001)]]
    best = min(sum(one) for one in every if most is None or one[0] <= most)
    assert found.refused + found.accepted == pytest.approx(best)
    assert (found.refused, found.accepted) == pytest.approx(mistakes(found.familiarity))
    truth = [1] * len(known) + [0] * len(others)
    assert found.auroc == pytest.approx(roc_auc_score(truth, known + others))
    assert (found.known, found.negatives) == (12, 9)
    assert most is None or found.refused <= most


def test_the_threshold_lies_in_the_middle_of_what_it_tells_apart() -> None:
    support, _ = support_of()
    support = Support({}, torch.eye(6)[torch.arange(12) % 3] + 0.1 * support.embeddings, support.labels)
    negatives = torch.eye(6)[3:] + 0.1
    found = calibrate(support, negatives, None)
    known = min(cosines(support, one, i) for i, one in enumerate(support.embeddings))
    other = max(cosines(support, one) for one in negatives)
    assert other < known
    assert found.familiarity == pytest.approx((known + other) / 2)


def held_out(labels: str, logits: torch.Tensor, *folds: list[int]) -> Calibration:
    """Of folds whose classifier gives the logits that stand beside the labels."""
    support = Support({}, logits, tuple(labels))
    every = [
        Fold(torch.arange(len(labels)), torch.tensor(fold), lambda left: lambda asked: asked.embeddings)
        for fold in folds
    ]
    return fit_temperature(support, every)


@pytest.mark.parametrize("count", [4, 40])
def test_examples_that_are_all_told_apart_promise_no_certainty(count: int) -> None:
    """Of two classes whose logits lie m apart, log((1 - d/2) / (d/2)) is wanted, d = 1 / (n + 2)."""
    right = torch.arange(count) % 2
    found = held_out("ab" * (count // 2), 3.0 * torch.nn.functional.one_hot(right).float(), [*range(count)])
    doubt = 1 / (count + 2)
    assert found.temperature == pytest.approx(3.0 / np.log((2 - doubt) / doubt), rel=2e-3)
    assert found.examples == count


def test_every_held_out_example_is_held_against_its_own_label() -> None:
    right = torch.tensor([0, 0, 1, 2, 2, 1, 0])
    logits = 2.0 * torch.nn.functional.one_hot(right).float() + torch.randn(
        7, 3, generator=torch.Generator().manual_seed(0)
    )
    together = held_out("aabccba", logits, [*range(7)])
    apart = held_out("aabccba", logits, [0, 1, 3], [2, 4], [5], [6])
    assert apart.temperature == pytest.approx(together.temperature)
    assert (apart.ece_before, apart.ece_after) == pytest.approx((together.ece_before, together.ece_after))


def test_without_negatives_it_is_the_quantile_of_the_known() -> None:
    support, negatives = support_of()
    none = negatives[:0]
    assert calibrate(support, none, None) is None
    found = calibrate(support, none, 0.25)
    known = [cosines(support, one, i) for i, one in enumerate(support.embeddings)]
    assert found.familiarity == pytest.approx(np.quantile(known, 0.25), abs=1e-6)
    assert (found.refused, found.accepted, found.auroc) == (0.25, None, None)


def test_unknown_is_what_is_less_familiar_than_the_threshold() -> None:
    support, _ = support_of()
    generator = torch.Generator().manual_seed(1)
    asked = torch.eye(6)[torch.arange(300) % 3] + 0.5 * torch.randn(300, 6, generator=generator)
    with rows_registered():
        fitted = FewShotClassifier("plain", unknown=0.25).fit(
            support.embeddings.numpy(), list(support.labels)
        )
        said = fitted.predict(asked.numpy()) == UNKNOWN
    mean = support.embeddings.mean(0)  # which the encoder takes off
    own = Support({}, support.embeddings - mean, support.labels)
    wanted = [cosines(own, one - mean) < fitted.threshold_ for one in asked]
    assert said.tolist() == wanted
    assert 50 < sum(wanted) < 250


def test_negatives_make_things_unknown_and_last(tmp_path: Path) -> None:
    fitted = FewShotClassifier("tfidf").fit(*texts(), negatives=NEGATIVES)
    assert fitted.predict([*NEGATIVES, "quartz law"]).tolist() == [UNKNOWN] * 6
    assert fitted.rejection_.accepted == 0
    assert fitted.rejection_.auroc == 1
    assert UNKNOWN not in fitted.predict(texts()[0])
    fitted.save(tmp_path / "one.kshot")
    loaded = FewShotClassifier.load(tmp_path / "one.kshot")
    assert loaded.rejection_ == fitted.rejection_
    assert loaded.calibration_ == fitted.calibration_
    for one in (fitted, loaded):  # and hold when classes come and go
        one.add_class("law", ["road stir tune", "stir tune"])
    assert loaded.rejection_ == fitted.rejection_
    assert loaded.rejection_.negatives == 5
    assert FewShotClassifier("tfidf").fit(*texts()).rejection_ is None


@pytest.mark.parametrize("learner", ["prototypical", "maml"])
def test_negatives_are_embedded_alone_whatever_the_learner_sees(learner: str) -> None:
    """A learner that adapts the encoder holds prepared inputs of its support; negatives need none."""
    images, labels = pictures()
    grey = [image.point(lambda _: 128) for image in images[:3]]
    options = {"adapt": "head", "head": "prototype", "inner_steps": 1} if learner == "maml" else None
    fitted = FewShotClassifier(
        "pixels", learner, encoder_options={"size": 12}, learner_options=options, episodes=0
    )
    fitted.fit(images, labels, negatives=grey)
    assert fitted.rejection_.negatives == 3
    assert fitted._fitted.negatives.shape == (3, 12 * 12)


def test_negatives_of_no_use_are_told() -> None:
    with pytest.raises(KshotError, match="fit, negatives: example 1 cannot be used: the text is empty"):
        FewShotClassifier("tfidf").fit(*texts(), negatives=["court", " "])
    with pytest.raises(KshotError, match="a single text or file was given"):
        FewShotClassifier("tfidf").fit(*texts(), negatives="court")
    with pytest.raises(KshotError, match="leave `unknown` and negatives out"):
        FewShotClassifier("tfidf").fit(["flour", "wheel"], ["cook", "drive"], negatives=["court"])


def test_a_file_without_negatives_of_the_form_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "one.kshot"
    fitted = FewShotClassifier("tfidf", unknown=0.1).fit(*texts())
    fitted.save(path)
    tensors, header = parts(path)
    assert "negatives" not in tensors
    header = {**header, "schema_number": 2}
    del header["calibration"]
    header["digest"] = _digest({k: v for k, v in header.items() if k != "digest"}, tensors)
    write(path, tensors, header)
    assert FewShotClassifier.load(path).rejection_ == fitted.rejection_


def test_negatives_of_another_width_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.kshot"
    FewShotClassifier("tfidf").fit(*texts(), negatives=STRANGE).save(path)
    tensors, header = parts(path)
    tensors["negatives"] = torch.zeros(2, 3)
    header["digest"] = _digest({k: v for k, v in header.items() if k != "digest"}, tensors)
    write(path, tensors, header)
    with pytest.raises(KshotError, match="negatives are of another width"):
        FewShotClassifier.load(path)


def made(logits: torch.Tensor, labels: tuple[str, ...]) -> Calibration:
    """Calibrated on given logits, which stand in for the examples."""
    support = Support({"embedding": logits}, logits, labels)
    folds = folds_of(support, 5)
    return fit_temperature(support, [Fold(*one, lambda _: lambda asked: asked.embeddings) for one in folds])


def test_the_calibration_error_is_the_textbooks_before_and_after() -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.arange(600) % 3
    logits = torch.nn.functional.one_hot(numbers, 3) + torch.randn(600, 3, generator=generator)
    found = made(9 * logits, tuple("abc"[i] for i in numbers.tolist()))

    def error(scaled: torch.Tensor) -> float:
        sure, said = scaled.double().softmax(1).max(1)
        total = 0.0
        for b in range(15):
            inside = (sure > b / 15) & (sure <= (b + 1) / 15)
            if inside.any():
                gap = sure[inside].mean() - (said == numbers)[inside].double().mean()
                total += float(inside.double().mean() * gap.abs())
        return total

    assert found.examples == 600
    assert found.ece_before == pytest.approx(error(9 * logits), abs=1e-6)
    assert found.ece_after == pytest.approx(error(9 * logits / found.temperature), abs=1e-6)
    assert found.ece_after < 0.05 < 0.2 < found.ece_before


def test_where_nothing_can_be_held_out_nothing_is_said() -> None:
    fitted = FewShotClassifier("tfidf").fit(["flour", "wheel"], ["cook", "drive"])
    assert fitted.calibration_ == Calibration(1.0, 0, None, None)
    assert fitted.temperature_ == 1


def rows(path: Path, things: list[str], labels: list[str]) -> str:
    with path.open("w") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(things, labels, strict=True)])
    return str(path)


def test_the_command_line_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = rows(tmp_path / "data.csv", *texts())
    others = rows(tmp_path / "others.csv", NEGATIVES, ["x"] * 5)
    model = str(tmp_path / "m.kshot")
    fit = ["fit", data, "--encoder", "tfidf", "--out", model, "--draws", "0"]
    assert main([*fit, "--negatives", others]) == 0
    told = capsys.readouterr().out
    fitted = FewShotClassifier.load(model)
    before, after = (
        f"{100 * one:.1f}" for one in (fitted.calibration_.ece_before, fitted.calibration_.ece_after)
    )
    assert "probabilities: of 100 answers given with 80 % certainty 80 should be right; " in told
    assert (
        f"on 15 examples held out, certainty and share of right answers differed by {after} points on" in told
    )
    assert f"on average ({before} before calibration)" in told
    assert "accepts 0.0 % of 5 negatives (AUROC 100.0 %)" in told
    assert main(["inspect", model]) == 0
    shown = capsys.readouterr().out
    for line in told.splitlines():
        if line.startswith(("probabilities: ", "unknown: ")):
            assert line in shown
    assert f"temperature: {fitted.temperature_:.4g}\n" in shown
    assert main(["predict", model, "zebra quartz"]) == 0
    assert UNKNOWN in capsys.readouterr().out
    assert main(fit) == 0
    assert "unknown: nothing is" in capsys.readouterr().out


def test_negatives_need_no_label_whatever_the_classes_are_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.csv"
    with data.open("w") as stream:
        pairs = ((text, label, "train") for text, label in zip(*texts(), strict=True))
        csv.writer(stream).writerows([["say", "sort", "part"], *pairs])
    named = ["--set", "data.label=sort", "--set", "data.text=say"]
    named += ["--set", "data.class_groups=[part]"]
    fit = ["fit", str(data), "--encoder", "tfidf", "--out", str(tmp_path / "m.kshot"), "--draws", "0", *named]
    told: list[str] = []
    for name, heading, more in (
        ("bare", ["say"], []),
        ("empty", ["say", "label"], [""]),
        ("same", ["say", "sort", "part"], ["x", "test"]),
    ):
        others = tmp_path / f"{name}.csv"
        with others.open("w") as stream:
            csv.writer(stream).writerows([heading, *([one, *more] for one in NEGATIVES)])
        assert main([*fit, "--negatives", str(others)]) == 0
        told.append(capsys.readouterr().out)
    assert "of 5 negatives" in told[0]
    assert told[0] == told[1] == told[2]


def test_negatives_in_another_column_are_named_beside_those_of_the_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = ["fit", rows(tmp_path / "data.csv", *texts()), "--encoder", "tfidf", "--draws", "0"]
    fit += ["--out", str(tmp_path / "m.kshot"), "--negatives", str(tmp_path / "others.csv")]
    (tmp_path / "others.csv").write_text("\n".join(["query", *NEGATIVES, ""]))
    assert main(fit) == 2
    mend = "--set data.text=[text,COLUMN]"
    assert capsys.readouterr().err.endswith(
        f"no column 'text' (it has: query); name it beside DATA's own by {mend}\n"
    )
    assert main([*fit, *mend.replace("COLUMN", "query").split()]) == 0
    assert "of 5 negatives" in capsys.readouterr().out


def test_pictures_in_a_table_may_be_negatives_without_a_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = pictures()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / "bars" / label).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "bars" / label / f"{number}.png")
    files = [path.read_bytes() for path in sorted((tmp_path / "bars" / "lying").iterdir())]
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").table({"image": files[:3]})
    parquet.write_table(table, tmp_path / "others.parquet")
    command = ["fit", str(tmp_path / "bars"), "--encoder", "pixels", "--out", str(tmp_path / "m.kshot")]
    assert main([*command, "--draws", "0", "--negatives", str(tmp_path / "others.parquet")]) == 0
    assert "of 3 negatives" in capsys.readouterr().out


def test_negatives_may_be_a_folder_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = pictures()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        for folder in (tmp_path / "bars" / label, tmp_path / "others" / "any" / "depth"):
            folder.mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "bars" / label / f"{number}.png")
        image.rotate(45).save(tmp_path / "others" / "any" / "depth" / f"{number}.png")
    (tmp_path / "others" / "notes.txt").write_text("no picture")
    command = ["fit", str(tmp_path / "bars"), "--encoder", "pixels", "--out", str(tmp_path / "m.kshot")]
    assert main([*command, "--draws", "0", "--negatives", str(tmp_path / "others")]) == 0
    assert "of 8 negatives" in capsys.readouterr().out


def test_negatives_come_later_and_go_as_if_they_had_been_given_at_once(tmp_path: Path) -> None:
    words, labels = texts()
    at_once = FewShotClassifier("tfidf", "siamese", episodes=4).fit(words, labels, negatives=NEGATIVES)
    later = FewShotClassifier("tfidf", "siamese", episodes=4).fit(words, labels)
    probabilities = later.predict_proba(words)
    assert later.rejection_ is None
    later.add_negatives(NEGATIVES[:1]).add_negatives(NEGATIVES[1:])
    assert (later.rejection_, later.negatives_) == (at_once.rejection_, len(NEGATIVES))
    assert np.array_equal(later.predict_proba(words), probabilities)
    later.save(tmp_path / "m.kshot")
    assert FewShotClassifier.load(tmp_path / "m.kshot").rejection_ == at_once.rejection_
    assert later.remove_negatives().rejection_ is None
    with pytest.raises(KshotError, match="add_negatives: example 0"):
        later.add_negatives([3.5])
    assert later.negatives_ == 0


@pytest.mark.parametrize("learner", ["matching", "siamese"])
def test_what_is_held_out_is_held_out_of_training_too(learner: str, tmp_path: Path) -> None:
    """Labels that mean nothing: whoever reports more than chance was trained on what it is asked about."""
    generator = np.random.Generator(np.random.Philox(key=3))
    letters = np.array(list("abcdefghijklmnop"))
    words = [" ".join("".join(generator.choice(letters, 4)) for _ in range(5)) for _ in range(24)]
    labels = [("a", "b")[i % 2] for i in generator.permutation(24)]
    options = {"context_width": 8} if learner == "matching" else None
    fitted = FewShotClassifier("tfidf", learner, learner_options=options, episodes=60).fit(words, labels)
    curve = fitted.learning_curve(12)
    assert [point.shot for point in curve] == [1, 2, 4, 8]
    assert np.mean([point.accuracy.mean for point in curve]) < 0.65
    assert fitted.predict_proba(words).max(1).mean() < 0.75
    fitted.save(tmp_path / "m.kshot")
    assert FewShotClassifier.load(tmp_path / "m.kshot").calibration_ == fitted.calibration_


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Episodes that Siamese networks are trained on, batch by batch."""
    sizes: list[int] = []
    before = Siamese.loss
    monkeypatch.setattr(
        Siamese, "loss", lambda self, episodes: (sizes.append(len(episodes)), before(self, episodes))[1]
    )
    return sizes


def test_what_was_trained_to_calibrate_serves_the_learning_curve(seen: list[int], tmp_path: Path) -> None:
    fitted = FewShotClassifier("tfidf", "siamese", episodes=5).fit(*texts())
    assert sum(seen) == 4 * 5
    curve = fitted.learning_curve(12)
    assert fitted.learning_curve(12) == curve
    assert sum(seen) == 4 * 5
    fitted.save(tmp_path / "m.kshot")
    loaded = FewShotClassifier.load(tmp_path / "m.kshot")
    assert sum(seen) == 4 * 5
    assert loaded.learning_curve(12) == loaded.learning_curve(12) == curve  # trained anew, once
    assert sum(seen) == 7 * 5
    loaded.add_class("law", ["road stir tune", "stir tune"])
    assert sum(seen) == 11 * 5
    loaded.learning_curve(12)
    assert sum(seen) == 11 * 5


def test_a_curve_of_two_draws_trains_for_two_folds(seen: list[int], tmp_path: Path) -> None:
    FewShotClassifier("tfidf", "siamese", episodes=5).fit(*texts()).save(tmp_path / "m.kshot")
    FewShotClassifier.load(tmp_path / "m.kshot").learning_curve(2)
    assert sum(seen) == 6 * 5


@pytest.mark.parametrize("learner", ["matching", "siamese", "meta_lstm"])
def test_a_fold_met_again_says_the_same(learner: str) -> None:
    """Its weights are kept, and the learner is built around them again."""
    fitted = classifier(learner).fit(*texts())
    support, folds = fitted._fitted.support, fitted._fitted.settled._held_out
    assert folds is not None

    def said() -> list[torch.Tensor]:
        return [one.classifier(support.taken(one.left))(support.taken(one.held)) for one in folds]

    for first, again in zip(said(), said(), strict=True):
        assert torch.equal(first, again)


def test_negatives_that_are_as_the_known_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words, labels = texts()
    fitted = FewShotClassifier("tfidf").fit(words, labels, negatives=words[:4])
    assert fitted.rejection_.accepted == 1
    told = "negatives: of 4 none is refused, so that nothing like them will be unknown"
    assert [one.partition(";")[0] for one in caplog.messages] == [told]
    caplog.clear()
    fitted.save(tmp_path / "m.kshot")
    FewShotClassifier.load(tmp_path / "m.kshot")
    assert not caplog.messages  # it was told when they were given
    fitted.remove_negatives().add_negatives(NEGATIVES)
    assert not caplog.messages
    fitted.remove_negatives().add_negatives(words[:1])  # which is less familiar than most
    assert "the threshold that they set refuses 87 % of the 15 known examples too" in caplog.text


def test_a_threshold_that_refuses_most_of_the_known_is_told(caplog: pytest.LogCaptureFixture) -> None:
    tell_poor_negatives(Threshold(0.8, 20, 0.5, 5, 0.2, 0.6))
    tell_poor_negatives(Threshold(0.8, 20, 0.9))  # asked for, and by no negatives
    tell_poor_negatives(None)
    assert not caplog.messages
    tell_poor_negatives(Threshold(0.8, 20, 0.6, 5, 0.2, 0.6))
    told = "negatives: the threshold that they set refuses 60 % of the 20 known examples too"
    assert [one.partition(";")[0] for one in caplog.messages] == [told]


@pytest.mark.parametrize("learner", ["prototypical", "siamese"])
def test_a_curve_counts_the_examples_that_were_asked_about(learner: str) -> None:
    fitted = FewShotClassifier("tfidf", learner, episodes=2).fit(*texts())
    [last] = fitted.learning_curve(1)[-1:]
    assert last.asked == {"prototypical": 3, "siamese": 6}[learner]  # of five each one, or a fold of two
    [last] = fitted.learning_curve(40)[-1:]
    assert last.asked == 15
    low, high = last.ends
    assert 0 <= low <= last.accuracy.mean <= high <= 1
    assert high - low > 0.2
    with pytest.raises(KshotError, match="learning_curve: draws=0: ask for one random split at least"):
        fitted.learning_curve(0)


def test_a_curve_doubles_the_examples_and_leaves_one_to_ask_about() -> None:
    assert [shots(n) for n in (1, 2, 4, 5, 8)] == [[], [1], [1, 2, 3], [1, 2, 4], [1, 2, 4, 7]]


def test_a_curve_by_folds_gives_so_many_of_each_class_of_what_a_fold_left() -> None:
    embeddings = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    support = Support({"embedding": embeddings}, embeddings, ("a",) * 6 + ("b",) * 4)

    def curve(seed: int) -> tuple[list[CurvePoint], list[Support]]:
        given: list[Support] = []

        def classifier(some: Support) -> Answering:
            given.append(some)
            return lambda asked: torch.tensor(
                [[label == name for name in "ab"] for label in asked.labels]
            ).float()

        folds = [Fold(left, held, classifier) for left, held in folds_of(support, 3)]
        return learning_curve_by_folds(support, folds, 6, seed), given

    points, given = curve(0)
    assert [(point.shot, point.accuracy.mean, point.asked) for point in points] == [(1, 1, 10), (2, 1, 10)]
    counts = [torch.bincount(one.numbers).tolist() for one in given]
    assert counts == [[1, 1]] * 6 + [[2, 2]] * 6  # a fold leaves two of class b at least
    for seed, same in ((0, True), (1, False)):
        again = curve(seed)[1]
        assert (
            all(torch.equal(*(x.embeddings for x in both)) for both in zip(given, again, strict=True)) == same
        )
