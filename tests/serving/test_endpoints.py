"""What a client gets who behaves."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kshot import FewShotClassifier
from kshot.serving import Limits
from PIL import Image

from .live import live


def test_texts_are_classified_as_python_does_it(words: FewShotClassifier) -> None:
    asked = ["boil the oven", "brake and road", "zebra quartz"]
    with live(words) as client:
        said = client.predict(*asked).json
    assert [one["label"] for one in said["predictions"]] == words.predict(asked).tolist()
    assert [one["known"] for one in said["predictions"]] == [True, True, False]
    assert said["threshold"] == words.threshold_
    first = said["predictions"][0]
    expected = dict(zip(words.classes_, words.predict_proba(asked)[0], strict=True))
    assert {one["label"]: one["probability"] for one in first["probabilities"]} == pytest.approx(expected)
    assert first["probabilities"][0]["label"] == "cook"
    assert first["familiarity"] == pytest.approx(words.familiarity(asked)[0])
    assert [(n["label"], n["similarity"]) for n in first["nearest"]] == [
        (n.label, pytest.approx(n.similarity)) for n in words.explain(asked, 4)[0]
    ]
    assert {near["name"] for near in first["nearest"]} == {None}


def test_pictures_are_taught_shown_and_forgotten(bars: FewShotClassifier, png: Callable[..., bytes]) -> None:
    with live(bars) as client:
        assert client.get("/model").json["saved"]
        model = client.teach("cross", ("a.png", png("cross")), ("b.png", png("cross", 20))).json
        assert client.counts() == {"cross": 2, "lying": 4, "standing": 4}
        assert (model["revision"], model["saved"]) == (1, False)
        [example, _] = model["classes"][0]["examples"]
        assert (example["name"], example["media"], example["number"]) == ("b.png", "image/png", 2)
        shown = client.get(example["href"])
        assert shown.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(shown.content)).size == (20, 20)
        [said] = client.predict(("x.png", png("cross"))).json["predictions"]
        assert (said["name"], said["label"], said["nearest"][0]["name"]) == ("x.png", "cross", "a.png")
        assert client.forget("cross").json["revision"] == 2
        assert client.counts() == {"lying": 4, "standing": 4}
        assert client.get(example["href"]).status == 404
    assert "cross" not in bars.classes_


def test_examples_of_no_class_set_the_threshold_and_nothing_else(words: FewShotClassifier) -> None:
    with live(words, limits=Limits(examples=6)) as client:
        before = client.get("/model").json
        after = client.send("/negatives", ["zebra quartz", "oven quartz"]).json
        assert (after["negatives"], after["revision"], after["saved"]) == (2, 1, False)
        assert after["threshold"] != before["threshold"]
        assert after["classes"] == before["classes"]
        assert client.desk.state.classifier.rejection_.negatives == 2
        refused = client.send("/negatives", ["a b", "c d", "e f", "g h", "i j"])
        assert (refused.status, refused.detail) == (
            413,
            "there would be 7 examples of no class; this server allows 6",
        )
        assert client.ask("DELETE", "/negatives").json["threshold"] == before["threshold"]
    assert words.negatives_ == 0


def test_neighbours_keep_their_pictures_when_a_class_before_them_goes(
    bars: FewShotClassifier, png: Callable[..., bytes]
) -> None:
    with live(bars) as client:
        client.teach("cross", ("cross.png", png("cross")))
        client.teach("dash", ("dash.png", png("lying", 30)))
        client.forget("cross")
        [said] = client.predict(("x.png", png("lying", 30))).json["predictions"]
        named = {near["name"]: near["label"] for near in said["nearest"] if near["name"]}
        assert named == {"dash.png": "dash"}


def test_recordings_are_taught_and_played(tones: FewShotClassifier, wav: Callable[..., bytes]) -> None:
    with live(tones) as client:
        [said] = client.predict(("x.wav", wav(190))).json["predictions"]
        assert said["label"] == "low"
        client.teach("shrill", ("1.wav", wav(5000)), ("2.wav", wav(5200)))
        [said] = client.predict(("x.wav", wav(5100))).json["predictions"]
        assert said["label"] == "shrill"
        assert client.get(said["nearest"][0]["href"]).headers["content-type"] == "audio/wav"


def test_the_download_is_the_changed_classifier(words: FewShotClassifier, tmp_path: Path) -> None:
    with live(words) as client:
        client.teach("cook", "stir the flour")
        answer = client.get("/model/bundle")
        expected = client.desk.state.classifier.predict_proba(["boil and brake"])
    assert "attachment" in answer.headers["content-disposition"]
    (tmp_path / "m.kshot").write_bytes(answer.content)
    loaded = FewShotClassifier.load(tmp_path / "m.kshot")
    assert loaded.counts_["cook"] == 6
    np.testing.assert_array_equal(loaded.predict_proba(["boil and brake"]), expected)


def test_a_file_is_written_only_where_that_was_allowed(words: FewShotClassifier, tmp_path: Path) -> None:
    with live(words) as client:
        refused = client.ask("POST", "/model/save")
        assert (refused.status, "--save" in refused.detail) == (403, True)
        assert not client.get("/model").json["writable"]
    path = tmp_path / "m.kshot"
    with live(words, path=path) as client:
        client.teach("cook", "stir the flour")
        assert client.ask("POST", "/model/save").json["saved"]
    assert [file.name for file in tmp_path.iterdir()] == ["m.kshot"]
    assert FewShotClassifier.load(path).counts_["cook"] == 6


def test_a_file_that_cannot_be_written_is_told_in_a_line(words: FewShotClassifier, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with live(words, path=tmp_path / "file" / "m.kshot") as client:
        answer = client.ask("POST", "/model/save")
    assert (answer.status, "cannot write" in answer.detail) == (500, True)


def test_what_there_is_no_more_room_for_keeps_its_name(words: FewShotClassifier) -> None:
    with live(words, Limits(kept_bytes=30)) as client:
        model = client.teach("cook", "stir the flour", "boil in the oven till noon").json
        [cook, *_] = model["classes"]
        assert (cook["count"], [one["text"] for one in cook["examples"]]) == (7, ["stir the flour"])
        [said] = client.predict("boil in the oven till noon").json["predictions"]
        assert (said["nearest"][0]["name"], said["nearest"][0]["href"]) == ("text 2", None)


def test_the_description_covers_every_endpoint(words: FewShotClassifier) -> None:
    with live(words) as client:
        described = client.get("/openapi.json").json
        assert client.get("/healthz").json == {"status": "ok"}
        assert client.get("/docs").status == 404
    operations = {(method, path) for path, some in described["paths"].items() for method in some}
    assert operations == {
        ("get", "/healthz"),
        ("get", "/model"),
        ("get", "/model/bundle"),
        ("post", "/model/save"),
        ("get", "/examples/{key}"),
        ("post", "/predict"),
        ("post", "/classes/{name}/examples"),
        ("delete", "/classes/{name}"),
        ("post", "/negatives"),
        ("delete", "/negatives"),
    }
    bodies = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert set(bodies) == {"application/json", "multipart/form-data"}
    answer = described["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["$ref"].endswith("/Predictions")
