"""FewShotClassifier as people use it."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot import FewShotClassifier
from kshot.classifier import UNKNOWN
from kshot.classifier.neighbours import neighbours
from kshot.classifier.support import Support
from kshot.errors import KshotError
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .rows import rows_registered
from .things import STRANGE, TEXTS, pictures, texts, tone

LEARNERS: dict[str, dict[str, Any] | None] = {
    "prototypical": None,
    "matching": {"context_width": 8},
    "siamese": None,
    "maml": {"adapt": "head", "head": "prototype", "inner_steps": 2, "inner_rate": 0.5},
    "meta_lstm": {"adapt": "head", "head": "prototype", "inner_steps": 2, "hidden": 4},
    "simpleshot": None,
    "linear_probe": None,
    "baseline++": None,
}


def classifier(learner: str = "prototypical", **more: Any) -> FewShotClassifier:
    options = LEARNERS[learner]
    return FewShotClassifier("tfidf", learner, learner_options=options, episodes=20, **more)


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learner_classifies_and_is_the_same_after_saving(learner: str, tmp_path: Path) -> None:
    fitted = classifier(learner, unknown=0.2).fit(*texts())
    asked = ["boil the oven", "brake and road", "the choir drum", *STRANGE]
    assert fitted.predict(asked)[:3].tolist() == ["cook", "drive", "sing"]
    probabilities = fitted.predict_proba(asked)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert fitted.classes_.tolist() == ["cook", "drive", "sing"]
    fitted.save(tmp_path / "tickets.kshot")
    loaded = FewShotClassifier.load(tmp_path / "tickets.kshot")
    np.testing.assert_array_equal(loaded.predict_proba(asked), probabilities)
    assert loaded.predict(asked).tolist() == fitted.predict(asked).tolist()
    assert loaded.get_params() == fitted.get_params()
    assert (loaded.temperature_, loaded.threshold_) == (fitted.temperature_, fitted.threshold_)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("learner", LEARNERS)
def test_one_made_on_a_gpu_answers_the_same_on_the_cpu(learner: str, tmp_path: Path) -> None:
    asked = ["boil the oven", "brake and road", "the choir drum", *STRANGE]
    fitted = classifier(learner, unknown=0.2, device="cuda").fit(*texts())
    fitted.save(tmp_path / "tickets.kshot")
    loaded = FewShotClassifier.load(tmp_path / "tickets.kshot", "cpu")
    assert loaded.predict(asked).tolist() == fitted.predict(asked).tolist()
    np.testing.assert_allclose(loaded.predict_proba(asked), fitted.predict_proba(asked), atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_an_encoder_that_learns_in_main_memory_goes_on_on_a_gpu(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 5))
    with rows_registered():
        fitted = FewShotClassifier("plain", device="cuda").fit(list(rows), ["one", "other"] * 6)
        fitted.save(tmp_path / "rows.kshot")
        loaded = FewShotClassifier.load(tmp_path / "rows.kshot", "cuda")
        np.testing.assert_array_equal(loaded.predict(list(rows)), fitted.predict(list(rows)))


def test_prototypes_are_those_computed_by_hand() -> None:
    from kshot_image.encoders.pixels import pixels

    images, labels = pictures()
    fitted = FewShotClassifier("pixels", encoder_options={"size": 12}).fit(images, labels)
    encoder = pixels(size=12)
    embedded = encoder(encoder.prepare(images))
    means = torch.stack([embedded[:4].mean(0), embedded[4:].mean(0)])
    expected = -torch.cdist(embedded, means).square()
    gap = (expected[:, 1] - expected[:, 0]).numpy()
    np.testing.assert_allclose(fitted.decision_function(images), gap, rtol=1e-4, atol=1e-3)


def test_what_is_like_nothing_is_unknown() -> None:
    fitted = classifier(unknown=0.1).fit(*texts())
    assert fitted.predict(STRANGE).tolist() == [UNKNOWN] * 3
    assert UNKNOWN not in fitted.predict(texts()[0])
    assert classifier().fit(*texts()).predict(STRANGE).tolist() != [UNKNOWN] * 3
    assert fitted.familiarity(STRANGE).max() < fitted.threshold_ <= fitted.familiarity(texts()[0]).min()


def test_one_example_a_class_serves_and_says_why_nothing_can_be_unknown() -> None:
    words, labels = ["boil flour", "engine wheel"], ["cook", "drive"]
    assert classifier().fit(words, labels).predict(["wheel"]).tolist() == ["drive"]
    with pytest.raises(KshotError, match="unknown: no class has two different examples"):
        classifier(unknown=0.05).fit(words, labels)


def test_classes_come_and_go_and_nothing_is_embedded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from kshot_text.encoders import tfidf

    fitted = FewShotClassifier("tfidf").fit(*texts())
    seen: list[int] = []
    before = tfidf.Tfidf.prepare
    monkeypatch.setattr(
        tfidf.Tfidf, "prepare", lambda self, raw: (seen.append(len(raw)), before(self, raw))[1]
    )
    fitted.add_class("law", ["the road stir", "road stir oven"])
    assert seen == [2]
    assert fitted.classes_.tolist() == ["cook", "drive", "law", "sing"]
    fitted.remove_class("cook")
    assert seen == [2]
    assert fitted.classes_.tolist() == ["drive", "law", "sing"]
    assert fitted.support_size_ == 12
    same = FewShotClassifier("tfidf").fit(*texts()).add_class("law", ["the road stir", "road stir oven"])
    same.remove_class("cook")
    np.testing.assert_array_equal(same.predict_proba(["song"]), fitted.predict_proba(["song"]))


def test_partial_fit_is_fit_in_pieces() -> None:
    words, labels = texts()
    whole = FewShotClassifier("tfidf").fit(words, labels)
    pieces = FewShotClassifier("tfidf").fit(words, labels).partial_fit(["tune and tune"], ["sing"])
    assert pieces.support_size_ == whole.support_size_ + 1
    assert FewShotClassifier("tfidf").partial_fit(words, labels).support_size_ == 15


def test_a_failed_change_leaves_everything_as_it_was() -> None:
    fitted = classifier().fit(*texts())
    before = fitted.predict_proba(["song"])
    with pytest.raises(KshotError, match="example 1 cannot be used: the text is empty"):
        fitted.add_class("law", ["court", "  "])
    with pytest.raises(KshotError, match="there is no class 'cok'; did you mean 'cook'"):
        fitted.remove_class("cok")
    np.testing.assert_array_equal(fitted.predict_proba(["song"]), before)
    fitted.remove_class("cook")
    with pytest.raises(KshotError, match="'sing' is one of two classes"):
        fitted.remove_class("sing")


def test_the_nearest_examples_explain() -> None:
    fitted = classifier().fit(*texts())
    [near] = fitted.explain([TEXTS["drive"][2]], count=3)
    assert (near[0].number, near[0].label) == (7, "drive")
    assert near[0].similarity == pytest.approx(1, abs=1e-6)
    assert [one.similarity for one in near] == sorted((one.similarity for one in near), reverse=True)
    assert len(fitted.explain(["song"], count=99)[0]) == 15


def test_probabilities_follow_what_cross_validation_gets_right() -> None:
    words, labels = texts()
    sure = FewShotClassifier("tfidf").fit(words, labels)
    doubtful = FewShotClassifier("tfidf").fit(words, [labels[(i * 7) % 15] for i in range(15)])
    assert sure.predict_proba(words).max(1).mean() > 0.8
    assert doubtful.predict_proba(words).max(1).mean() < 0.6


def test_scikit_learn_takes_it() -> None:
    words, labels = texts()
    made = classifier()
    copied = clone(made)
    assert copied.get_params() == made.get_params()
    with pytest.raises(NotFittedError, match=r"call fit\(examples, labels\)"):
        copied.predict(words)
    assert cross_val_score(made, words, labels, cv=3).mean() > 0.7
    search = GridSearchCV(made, {"learner": ["prototypical", "simpleshot"]}, cv=3).fit(words, labels)
    assert search.best_score_ > 0.7
    lower = FunctionTransformer(lambda some: [text.lower() for text in some])
    piped = make_pipeline(lower, classifier()).fit([text.upper() for text in words], labels)
    assert piped.predict(["SONG"]).tolist() == ["sing"]
    assert made.fit(words, labels).score(words, labels) == 1


def test_pictures_of_any_kind_are_the_same_picture(tmp_path: Path) -> None:
    images, labels = pictures()
    fitted = FewShotClassifier("pixels", encoder_options={"size": 12}).fit(images, labels)
    expected = fitted.predict_proba(images[:1])
    images[0].save(tmp_path / "one.png")
    array = np.asarray(images[0])
    ways: list[Any] = [
        *(tmp_path / "one.png", str(tmp_path / "one.png"), (tmp_path / "one.png").read_bytes()),
        *(array, array[..., None], array / 255.0, torch.from_numpy(array.copy()), images[0].convert("RGB")),
        *(
            torch.from_numpy(array.copy())[None].expand(3, -1, -1),
            {"bytes": None, "path": tmp_path / "one.png"},
        ),
    ]
    for way in ways:
        np.testing.assert_allclose(fitted.predict_proba([way]), expected, atol=1e-6)


def test_recordings_of_any_kind_are_the_same_recording(tmp_path: Path) -> None:
    import soundfile

    recordings = [tone(pitch) for pitch in (200, 205, 210, 1500, 1510, 1520)]
    fitted = FewShotClassifier("mel_statistics").fit(recordings, ["low"] * 3 + ["high"] * 3)
    assert fitted.predict([tone(207), tone(1505)]).tolist() == ["low", "high"]
    samples, rate = tone(207)
    soundfile.write(tmp_path / "one.wav", samples, rate, subtype="FLOAT")
    expected = fitted.predict_proba([(samples, rate)])
    ways: list[Any] = [
        *((rate, samples), (torch.from_numpy(samples)[None], rate), tmp_path / "one.wav"),
        *({"array": samples, "sampling_rate": rate}, (np.stack([samples, samples]), rate)),
    ]
    for way in ways:
        np.testing.assert_allclose(fitted.predict_proba([way]), expected, atol=1e-5)


def test_a_hugging_face_data_set_serves() -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    words, labels = texts()
    names = sorted(set(labels))
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    data = Dataset.from_dict(
        {"text": words, "label": [names.index(one) for one in labels]}, features=features
    )
    fitted = classifier().fit(data)
    assert fitted.classes_.tolist() == names
    assert fitted.predict(data).tolist() == labels
    assert fitted.predict(data["text"]).tolist() == labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "conv4"}, "encoder 'conv4' comes without trained weights"),
        ({"encoder": "minilmm"}, "unknown encoder 'minilmm'"),
        ({"learner": "prototypicl"}, "unknown learner 'prototypicl'; did you mean 'prototypical'"),
        ({"learner_options": {"scal": 2}}, r"learner_options\.scal: unknown option; did you mean 'scale'"),
        ({"unknown": 1.5}, "unknown=1.5: give the share"),
        ({"unknown": "0.1"}, r"unknown='0\.1': give the share"),
        ({"unknown": True}, "unknown=True: give the share"),
        ({"device": "tpu"}, "device 'tpu': choose auto, cpu or cuda"),
    ],
)
def test_wrong_parameters_are_told(change: dict[str, Any], message: str) -> None:
    images, labels = pictures()
    made = FewShotClassifier("pixels", encoder_options={"size": 8})
    with pytest.raises(KshotError, match=message):
        made.set_params(**({"encoder_options": None, **change})).fit(images, labels)


@pytest.mark.parametrize(
    ("things", "labels", "message"),
    [
        ("song", ["sing"], "a single text or file was given"),
        (["song", "drum"], ["sing"], "2 examples but 1 labels"),
        (["song", "drum"], ["sing", "sing"], "1 class; a classifier needs examples of two"),
        (["song", "drum"], ["sing", ""], "label 1 is empty"),
        (["song", "drum"], ["sing", "caf\udce9"], "label 1, .* holds what UTF-8 has no bytes for"),
        (["song", "drum"], None, "labels are missing"),
        (["song", 3], ["a", "b"], "example 1 cannot be used: a int is neither a text"),
        (
            ["song", Path("/nowhere/x.txt")],
            ["a", "b"],
            r"example 1 \(/nowhere/x.txt\) cannot be used: No such file",
        ),
        (7, ["a"], "a int was given where a list of examples is meant"),
        (
            {"label": ["a"], "text": ["song"]},
            ["a"],
            r"a dict was given where a list .* meant; give X\['text'\]",
        ),
        ({"song": ["a"]}, ["a"], r"give X\['song'\]"),
        ({}, ["a"], r"give X\['…'\]"),
    ],
)
def test_wrong_examples_are_told(things: Any, labels: Any, message: str) -> None:
    with pytest.raises(KshotError, match=message):
        classifier().fit(things, labels)


@pytest.mark.parametrize(
    "thing",
    [
        3,
        np.zeros(5),
        np.full((4, 4), 2.0),
        np.full((4, 4), 300),
        np.zeros((4, 4, 2)),
        b"no picture",
        "/nowhere.png",
    ],
)
def test_what_is_no_picture_is_refused(thing: Any) -> None:
    images, labels = pictures()
    with pytest.raises(KshotError, match="fit: example 8 cannot be used"):
        FewShotClassifier("pixels").fit([*images, thing], [*labels, "lying"])


@pytest.mark.parametrize(
    "thing",
    [
        3,
        (np.zeros(9, np.float32), 8000),
        (np.ones((2, 2, 2)), 8000),
        (np.ones(9), 0.5),
        b"RIFF",
        ([1, 2], 8000),
    ],
)
def test_what_is_no_recording_is_refused(thing: Any) -> None:
    with pytest.raises(KshotError, match="fit: example 1 cannot be used"):
        FewShotClassifier("mel_statistics").fit([tone(200), thing], ["a", "b"])


def test_numbers_are_classes_too() -> None:
    words, labels = texts()
    numbers = np.asarray([sorted(set(labels)).index(one) for one in labels])
    made = classifier(unknown=np.float32(0.1)).fit(words, numbers)
    assert made.classes_.tolist() == ["0", "1", "2"]
    assert made.add_class(3, ["court judge", "judge law"]).remove_class(np.int64(0)).classes_.tolist() == [
        "1",
        "2",
        "3",
    ]
    assert made.remove_class(3).classes_.tolist() == ["1", "2"]
    with pytest.raises(KshotError, match="there is no class '7'"):
        made.remove_class(7)
    with pytest.raises(KshotError, match="a dict was given"):
        made.predict({"text": words})


def test_a_pictures_own_alpha_lies_on_white() -> None:
    images, labels = pictures()
    fitted = FewShotClassifier("pixels", encoder_options={"size": 8}).fit(images, labels)
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    white = Image.new("L", (16, 16), 255)
    np.testing.assert_allclose(fitted.predict_proba([clear]), fitted.predict_proba([white]))


def test_answers_are_those_of_predict_from_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from kshot_text.encoders import tfidf

    fitted = classifier(unknown=0.1).fit(*texts())
    asked = ["boil the oven", *STRANGE]
    labels, probabilities = fitted.predict(asked), fitted.predict_proba(asked)
    seen: list[int] = []
    before = tfidf.Tfidf.prepare
    monkeypatch.setattr(
        tfidf.Tfidf, "prepare", lambda self, raw: (seen.append(len(raw)), before(self, raw))[1]
    )
    answers = fitted.answers(asked, count=2)
    assert seen == [len(asked)]
    assert [one.label for one in answers] == labels.tolist()
    for one, row in zip(answers, probabilities, strict=True):
        assert [share for _, share in one.ranked] == sorted(row.tolist(), reverse=True)[:2]


def test_a_support_is_adapted_to_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from kshot.learners.prototypical import Prototypical

    fitted = classifier().fit(*texts())
    monkeypatch.setattr(Prototypical, "compare", None)  # whoever adapts again fails
    assert fitted.predict(["song"]).tolist() == fitted.predict(["song"]).tolist() == ["sing"]


def test_a_failed_fit_leaves_a_fitted_classifier_as_it_was() -> None:
    fitted = classifier().fit(*texts())
    before = fitted.predict_proba(["song"])
    with pytest.raises(KshotError, match="unknown: no class has two different examples"):
        fitted.set_params(unknown=0.1).fit(["boil flour", "engine wheel"], ["cook", "drive"])
    np.testing.assert_array_equal(fitted.predict_proba(["song"]), before)


def test_scores_take_labels_as_they_were_given() -> None:
    words, labels = texts()
    numbers = [["cook", "drive", "sing"].index(label) for label in labels]
    fitted = FewShotClassifier("tfidf").fit(words, numbers)
    assert fitted.predict(words[:1]).tolist() == ["0"]
    assert fitted.score(words, numbers) == 1
    assert cross_val_score(FewShotClassifier("tfidf"), words, numbers, cv=2).mean() > 0.5
    two = [word for word, number in zip(words, numbers, strict=True) if number < 2]
    auc = cross_val_score(FewShotClassifier("tfidf"), two, [0] * 5 + [1] * 5, cv=2, scoring="roc_auc")
    assert auc.min() > 0.5


def test_a_data_frame_is_its_column_of_examples_or_its_rows() -> None:
    pandas = pytest.importorskip("pandas")
    words, labels = texts()
    frame = pandas.DataFrame({"number": range(15), "text": words})
    fitted = FewShotClassifier("tfidf").fit(frame, pandas.Series(labels))
    np.testing.assert_array_equal(
        fitted.predict_proba(frame[:3]),
        FewShotClassifier("tfidf").fit(words, labels).predict_proba(words[:3]),
    )


def test_a_column_of_labels_is_no_part_of_a_row() -> None:
    pandas = pytest.importorskip("pandas")
    points = np.random.default_rng(0).normal(size=(12, 3))
    frame = pandas.DataFrame(points, columns=["a", "b", "c"]).assign(label=[0] * 6 + [50] * 6)
    with rows_registered():
        expected = FewShotClassifier("plain").fit(points, frame["label"]).predict_proba(points)
        for y, given in ((None, frame), ("label", frame), ("kind", frame.rename(columns={"label": "kind"}))):
            made = FewShotClassifier("plain").fit(given, y)
            np.testing.assert_array_equal(made.predict_proba(points), expected)


def test_a_data_frame_may_hold_paths(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    images, kinds = pictures()
    paths = [str(tmp_path / f"{number}.png") for number in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    frame = pandas.DataFrame({"path": paths, "label": kinds})
    made = FewShotClassifier("pixels", encoder_options={"size": 8}).fit(frame)
    assert made.predict(frame).tolist() == made.predict(images).tolist()


def test_examples_that_cannot_serve_are_a_value_error_too() -> None:
    with pytest.raises(ValueError, match="1 class"):
        FewShotClassifier("tfidf").fit(["flour"], ["cook"])
    with pytest.raises(ValueError, match="sparse matrices are not supported"):
        from scipy.sparse import eye_array

        FewShotClassifier("tfidf").fit(eye_array(3), ["a", "b", "c"])


def test_a_clone_of_a_loaded_classifier_fits_as_the_first_one_did(tmp_path: Path) -> None:
    made = FewShotClassifier("tfidf", "siamese", episodes=4, unknown=0.1).fit(*texts())
    made.save(tmp_path / "m.kshot")
    copied = clone(FewShotClassifier.load(tmp_path / "m.kshot"))
    assert not hasattr(copied, "classes_")
    copied.fit(*texts())
    assert np.array_equal(copied.predict_proba(texts()[0]), made.predict_proba(texts()[0]))
    assert copied.rejection_ == made.rejection_


class _Frame:
    """As much of a pandas DataFrame as is asked of one."""

    ndim, iloc = 2, None

    def __init__(self, **columns: list[Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> list[Any]:
        return self._columns[name]


@pytest.mark.parametrize(("name", "y"), [("label", None), ("label", "label"), ("kind", "kind")])
def test_labels_may_be_a_column_of_a_frame(name: str, y: str | None) -> None:
    words, labels = texts()
    frame = _Frame(text=list(words), **{name: list(labels)})
    made = FewShotClassifier("tfidf").fit(frame, y)
    assert made.classes_.tolist() == sorted(set(labels))
    with pytest.raises(KshotError, match="the data set has no column 'sort'; it has text"):
        FewShotClassifier("tfidf").fit(frame, "sort")
    with pytest.raises(KshotError, match="labels are one string, 'ab', where one for each example is meant"):
        FewShotClassifier("tfidf").fit(["flour", "road"], "ab")


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.float64("nan"), np.datetime64("NaT"), np.timedelta64("NaT"), "", "  "]
)
def test_a_label_that_is_missing_is_named(missing: Any) -> None:
    with pytest.raises(KshotError, match="label 2 is empty"):
        FewShotClassifier("tfidf").fit(["flour", "road", "song"], ["a", "b", missing])


def test_a_class_may_be_called_nan() -> None:
    assert FewShotClassifier("tfidf").fit(["flour", "road"], ["nan", "b"]).classes_.tolist() == ["b", "nan"]


def test_no_examples_are_nothing_to_learn() -> None:
    made = FewShotClassifier("tfidf").fit(*texts())
    for call in (lambda: made.partial_fit([], []), lambda: made.add_class("z", []), lambda: made.fit([], [])):
        with pytest.raises(KshotError, match="no examples were given"):
            call()
    assert made.predict([]).tolist() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"episodes": -1}, "episodes=-1: give an integer of 0 or more"),
        ({"episodes": 1.5}, r"episodes=1\.5: give an integer"),
        ({"random_state": None}, "random_state=None: give an integer of 0 or more"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(KshotError, match=message):
        FewShotClassifier("tfidf", **given).fit(*texts())


def test_similarity_is_a_cosine_whatever_the_lengths() -> None:
    embeddings = torch.tensor([[3.0, 0.0], [0.0, 0.5], [20.0, 20.0]])
    [near] = neighbours(torch.tensor([[0.1, 0.0]]), Support({}, embeddings, ("a", "b", "c")), 3)
    assert [(one.number, one.label) for one in near] == [(0, "a"), (2, "c"), (1, "b")]
    assert [one.similarity for one in near] == pytest.approx([1, 0.5**0.5, 0])


def test_no_neighbours_are_nothing_to_explain() -> None:
    with pytest.raises(KshotError, match="count=0: ask for one neighbour at least"):
        FewShotClassifier("tfidf").fit(*texts()).explain(["flour"], 0)


def test_a_class_that_is_called_as_what_is_unknown() -> None:
    """An answer must not mean two things."""
    words, labels = texts()
    names = ["unknown" if label == "cook" else label for label in labels]
    assert "unknown" in FewShotClassifier("tfidf").fit(words, names).predict(words)
    made = FewShotClassifier("tfidf", unknown=0.2).fit(words, labels)
    message = "a class is called 'unknown', .* give its examples as negatives"
    with pytest.raises(KshotError, match=message):
        made.add_class("unknown", ["flour"])
    assert "unknown" not in made.classes_
    with pytest.raises(KshotError, match=message):
        FewShotClassifier("tfidf").fit(words, names).add_negatives(["quartz"])


def test_weights_that_cannot_be_trained_stay_as_they_came(caplog: pytest.LogCaptureFixture) -> None:
    """A linear head has an output for each class, and one of them cannot be held out."""
    words, labels = texts()
    kept = [number for number, label in enumerate(labels) if label != "cook"] + [labels.index("cook")]
    made = FewShotClassifier("tfidf", "maml", learner_options={"adapt": "head", "head": "linear"}, episodes=4)
    made.fit([words[k] for k in kept], [labels[k] for k in kept])
    assert "maml: its own weights stay as they came; they are trained where 3 classes have two" in caplog.text
    assert len(made.classes_) == 3


def test_names_of_classes_that_differ_by_case_or_space_are_told_and_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words, labels = texts()
    names = [{"drive": "Cook", "sing": "cook "}.get(label, label) for label in labels]
    fitted = FewShotClassifier("tfidf").fit(words, names)
    [told] = caplog.messages
    assert told.startswith(
        "fit: classes that differ by case alone, by space around them, or by how Unicode spells"
    )
    assert " kept apart: 'Cook' and 'cook' and 'cook '; give" in told
    assert fitted.classes_.tolist() == ["Cook", "cook", "cook "]
    caplog.clear()
    fitted.add_class("law", ["the court", "a judge"]).remove_class("law")
    assert not caplog.messages  # of those there were it was told
    fitted.add_class("COOK", ["flour"])
    assert "'COOK' and 'Cook' and 'cook' and 'cook '" in caplog.text
    caplog.clear()
    FewShotClassifier("tfidf").fit(words, labels)
    assert not caplog.messages


def test_names_of_classes_that_look_the_same_are_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    words, labels = texts()
    decomposed = unicodedata.normalize("NFD", "Café")
    names = [{"drive": "Café", "sing": decomposed}.get(label, label) for label in labels]
    fitted = FewShotClassifier("tfidf").fit(words, names)
    [told] = caplog.messages
    assert f"kept apart: '{decomposed}' and 'Café'; give" in told
    assert {"Café", decomposed} < set(fitted.classes_)


def test_many_findings_are_one_line_and_nothing_in_it_commands_a_terminal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = [f"{sign}\x1b[2J{'x' * 200}" for sign in "abcde"]
    FewShotClassifier("tfidf").fit(["flour"] * 10, [*names, *(name.upper() for name in names)])
    assert len(caplog.messages) == 2
    for one in caplog.messages:
        assert one.isprintable()
        assert len(one) < 1000
    assert "and 2 more; give" in caplog.messages[0]


def test_an_example_of_two_classes_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words, labels = texts()
    FewShotClassifier("tfidf").fit([*words, words[0]], [*labels, "cook"])
    told = "fit: 1 of 16 examples is a copy of another of their class, or looks the same to the encoder; "
    assert [one[: len(told)] for one in caplog.messages] == [told]
    caplog.clear()
    fitted = FewShotClassifier("tfidf").fit([*words, words[0]], [*labels, "sing"])
    [said] = caplog.messages
    assert said == (
        "fit: the same example under several classes: 'boil the flour' ('cook', 'sing'); one of them is probably wrong"
    )
    assert fitted.counts_ == {"cook": 5, "drive": 5, "sing": 6}
    caplog.clear()
    fitted.partial_fit(["a verdict", "a verdict"], ["law", "cook"])
    assert "partial_fit: the same example under several classes: 'a verdict' ('law', 'cook')" in caplog.text
    caplog.clear()
    images, kinds = pictures()
    images[0].save(tmp_path / "one.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "one.png")
    content = (tmp_path / "one.png").read_bytes()
    ways = [tmp_path / "one.png", str(tmp_path / "link.png"), content, bytearray(content)]
    made = FewShotClassifier("pixels", encoder_options={"size": 8})
    made.fit([*images, *ways], [*kinds, "lying", "standing", "lying", "standing"])
    said = caplog.messages[0]
    assert said.count("('lying', 'standing')") == 2
    assert "one.png" in said


def test_examples_that_the_encoder_cuts_are_told_once_a_call(caplog: pytest.LogCaptureFixture) -> None:
    long, short = [tone(200), tone(2000)], [tone(pitch, 0.1) for pitch in (200, 2000)]
    fitted = FewShotClassifier("mel_statistics", encoder_options={"seconds": 0.2})
    fitted.fit(long + short, ["low", "high"] * 2, negatives=[tone(600)])
    said = "{} examples are longer than 'mel_statistics' takes, and were cut; what follows is not seen"
    assert [one for one in caplog.messages if "cut" in one] == [
        "fit: " + said.format("2 of 4"),
        "fit, negatives: " + said.format("1 of 1"),
    ]
    for call, who in (
        (lambda: fitted.answers(long), "predict"),
        (lambda: fitted.add_class("low", long[:1]), "partial_fit"),
        (lambda: fitted.add_negatives([tone(650)]), "add_negatives"),
    ):
        caplog.clear()
        call()
        assert [one.partition(" examples")[0] for one in caplog.messages if "cut" in one] == [
            f"{who}: {'2 of 2' if who == 'predict' else '1 of 1'}"
        ]
    caplog.clear()
    fitted.predict(short)
    fitted.learning_curve(2)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("learner", "options", "counts", "told"),
    [
        ("prototypical", None, (1, 4), False),
        ("prototypical", {"shrinkage": False}, (1, 4), True),
        ("prototypical", {"shrinkage": False}, (1, 3), False),
        ("prototypical", {"shrinkage": False, "distance": "cosine"}, (1, 4), False),
        ("simpleshot", None, (1, 4), False),
        ("simpleshot", {"shrinkage": False}, (1, 4), True),
        ("matching", {"fce": False}, (1, 4), True),
        ("linear_probe", None, (1, 4), False),
        ("linear_probe", {"balanced": False}, (1, 4), True),
        ("siamese", None, (1, 4), False),
    ],
)
def test_a_learner_that_favours_large_classes_is_told_where_sizes_differ(
    learner: str,
    options: dict[str, Any] | None,
    counts: tuple[int, int],
    told: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    few, many = counts
    words = TEXTS["cook"][:few] + TEXTS["drive"][:many]
    FewShotClassifier("tfidf", learner, learner_options=options, episodes=0).fit(
        words, ["cook"] * few + ["drive"] * many
    )
    said = [one for one in caplog.messages if "differ much in size" in one]
    assert len(said) == told
    if told:
        assert said[0].startswith(
            f"fit: classes differ much in size (1 to 4 examples), and {learner} answers with the small ones too seldom"
        )


def test_classes_that_are_called_as_parts_of_a_data_set_are_told(caplog: pytest.LogCaptureFixture) -> None:
    words, _ = texts()
    FewShotClassifier("tfidf").fit(words[:4], ["train", "train", "Test", "Test"])
    [said] = caplog.messages
    assert said.startswith("fit: the classes are called 'Test', 'train', as parts of a data set are; if")
    caplog.clear()
    FewShotClassifier("tfidf").fit(words[:4], ["train", "train", "bus", "bus"])
    assert not caplog.messages


def test_what_more_examples_bring_up_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    words, labels = texts()
    made = FewShotClassifier("tfidf", learner_options={"shrinkage": False}).fit(words, labels)
    made.partial_fit(["drive the car"], ["drive"])
    assert not caplog.messages
    made.partial_fit(["a verdict", "drive the car", words[0]], ["law", "drive", labels[0]])
    uneven, copies = caplog.messages
    assert uneven.startswith("partial_fit: classes differ much in size (1 to 7 examples), and prototypical")
    assert copies.startswith("partial_fit: 2 of 3 examples are copies of others of their class")
    caplog.clear()
    made.partial_fit(["the road ahead"], ["drive"])
    assert not caplog.messages


def test_a_class_of_one_is_answered_as_readily_as_one_of_many() -> None:
    """Unit vectors around two directions; by squared distance the shorter mean, of many, is nearer."""
    generator = np.random.default_rng(0)

    def around(place: int, count: int) -> list[np.ndarray]:
        rows = generator.normal(size=(count, 24))
        rows[:, place] += 3
        return list(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    shares: dict[str, float] = {}
    with rows_registered():
        for name, options in (("ours", None), ("the paper's", {"shrinkage": False})):
            made = FewShotClassifier("plain", learner_options=options)
            made.fit([*around(0, 1), *around(1, 20)], ["one"] + ["many"] * 20)
            shares[name] = float((made.predict(around(0, 200)) == "one").mean())
    assert shares["the paper's"] < shares["ours"] - 0.1
