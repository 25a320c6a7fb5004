"""What a client gets who sends too much, the wrong thing, or a name that means something to a file system."""

from __future__ import annotations

import builtins
import http.client
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot import FewShotClassifier
from kshot.errors import DataError
from kshot.serving import Limits
from kshot_image.encoders.pixels import Pixels

from .live import Client, form, live

SMALL = Limits(request_bytes=4000, file_bytes=2000, things=3, examples=7, classes=4, extent=100)


@pytest.fixture(scope="module")
def client(words: FewShotClassifier) -> Iterator[Client]:
    with live(words, SMALL) as made:
        yield made
        assert made.counts() == {"cook": 5, "drive": 5, "sing": 5}  # no refusal has left a trace
        assert made.get("/model").json["revision"] == 0


def test_an_announced_size_is_refused_before_it_is_sent(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
    connection.putrequest("POST", "/predict")
    connection.putheader("content-length", "10000000000")
    connection.endheaders()
    answer = connection.getresponse()  # without a byte of body
    assert answer.status == 413
    connection.close()


def test_an_endless_body_is_refused_while_it_streams(client: Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 60_000_000:
            sent += 1000
            yield b"x" * 1000

    for media in ("application/json", "multipart/form-data; boundary=mark"):
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
        try:
            connection.request("POST", "/predict", endless(), {"content-type": media}, encode_chunked=True)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server hung up
        finally:
            connection.close()
    assert sent < 20_000_000
    exactly = [b"x" * 1000] * 5
    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    answer = client.ask("POST", "/predict", iter(exactly), headers, encode_chunked=True)
    assert (answer.status, "larger than" in answer.detail) == (413, True)


@pytest.mark.parametrize(
    ("things", "status", "reason"),
    [
        ([("big.txt", b"x" * 2001)], 413, "big.txt is larger than"),
        (["a"] * 4, 413, "4 texts in one request; 3 are allowed"),
        ([("a.txt", b"a")] * 4, 413, "more than 3 files in one request"),
        (["flour " * 20], 422, "text 1: 120 characters are more than 100"),
        (
            ["flour", " ", "\u200b"],
            422,
            "2 of 3 cannot be used: text 2: the text is empty, text 3: the text shows no",
        ),
        ([("a.txt", b"\xff\xfe\x00")], 422, "a.txt: not a text in UTF-8"),
        ([], 422, "nothing was sent"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/classes/new/examples"])
def test_what_cannot_be_used_is_refused_whole(
    client: Client, path: str, things: list[Any], status: int, reason: str
) -> None:
    answer = client.send(path, things)
    assert (answer.status, reason in answer.detail) == (status, True), answer.detail


def test_counts_of_examples_and_classes_are_limited(words: FewShotClassifier) -> None:
    with live(words, SMALL) as client:
        assert client.teach("cook", "flour", "oven", "stir").status == 413
        assert client.teach("cook", "flour", "oven").status == 200
        assert client.teach("cook", "flour").detail == "'cook' would have 8 examples; this server allows 7"
        assert client.teach("swim", "song").status == 200
        assert client.teach("fly", "song").detail == "there are 4 classes, and this server allows no more"


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b'{"texts": "flour"}', "application/json", 422),
        (b'{"texts": ["flour"], "path": "/etc/passwd"}', "application/json", 422),
        (b'{"texts": ["\\ud800"]}', "application/json", 422),
        (b"[" * 3000, "application/json", 422),
        (b"", "application/json", 422),
        (b"flour", "text/plain", 415),
        (b"texts=flour", "application/x-www-form-urlencoded", 415),
        (b"flour", "multipart/form-data", 422),
        (b"flour", "multipart/form-data; boundary=mark", 422),
        (form([("a.txt", b"flour")], field="paths")[0], "multipart/form-data; boundary=mark", 422),
        (b'--mark\r\nContent-Disposition: form-data; name="files"\r\n\r\n/etc/passwd\r\n--mark--\r\n',
         "multipart/form-data; boundary=mark", 422),
    ],
)  # fmt: skip
def test_bodies_of_no_agreed_form_are_refused(client: Client, body: bytes, media: str, status: int) -> None:
    answer = client.ask("POST", "/predict", body, {"content-type": media})
    assert answer.status == status, answer.content
    assert answer.detail


@pytest.mark.parametrize("name", ["", "%20", "..", "%2E%2E", "a" * 101, "a%00b", "a%0Ab"])
def test_class_names_that_cannot_be_shown_are_refused(client: Client, name: str) -> None:
    answer = client.send(f"/classes/{name}/examples", ["flour"])
    assert answer.status in (404, 422)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a/b",
        "a/examples",
        "<script>alert(1)</script>",
        "?x#y",
        "é",
        "名前",
        "Unknown",
        "%2F",
    ],
)
def test_any_other_class_name_is_only_a_name(words: FewShotClassifier, name: str) -> None:
    with live(words) as client:
        assert client.teach(name, "flour", "oven").status == 200
        assert client.counts()[name] == 2
        assert client.forget(name).status == 200
        assert name not in client.counts()


def test_a_class_is_not_called_as_what_belongs_to_none(words: FewShotClassifier) -> None:
    with live(words) as client:
        answer = client.teach("unknown", "flour", "oven")
        assert answer.status == 422
        assert b"give its examples as negatives" in answer.content
        assert "unknown" not in client.counts()


def test_a_composed_name_is_the_same_class_however_it_is_typed(words: FewShotClassifier) -> None:
    with live(words) as client:
        client.teach("caf\u00e9", "flour")
        client.teach(" cafe\u0301 ", "oven")
        assert client.counts()["caf\u00e9"] == 2


def test_forgetting_what_is_not_there_or_must_stay(bars: FewShotClassifier) -> None:
    with live(bars) as client:
        answer = client.forget("lyin")
        assert (answer.status, answer.detail) == (404, "there is no class 'lyin'; did you mean 'lying'?")
        assert (client.forget("lying").status, len(client.counts())) == (422, 2)
        assert client.get("/examples/0").status == 404
        assert client.get("/examples/..%2F..%2Fetc%2Fpasswd").status == 404


def test_no_path_of_a_request_is_opened(
    bars: FewShotClassifier, png: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    opened: list[str] = []

    def watching(function: Any) -> Any:
        def watched(path: Any, *arguments: Any, **more: Any) -> Any:
            opened.append(str(path))
            return function(path, *arguments, **more)

        return watched

    with live(bars) as client:
        monkeypatch.setattr(builtins, "open", watching(builtins.open))
        monkeypatch.setattr(os, "open", watching(os.open))
        monkeypatch.setattr(Path, "open", watching(Path.open))
        monkeypatch.setattr(Path, "read_bytes", watching(Path.read_bytes))
        path = str(secret)
        answers = [
            client.predict((path, png())),
            client.predict(("a.png", path.encode())),
            client.predict(path),
            client.teach(path, (f"../..{path}", png())),
        ]
        monkeypatch.undo()
        shown = client.get("/model").content.decode()
    assert [answer.status for answer in answers] == [200, 422, 415, 200]
    assert not [one for one in opened if "secret" in one]
    assert answers[0].json["predictions"][0]["name"] == "secret.png"
    assert '"name":"secret.png"' in shown


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x00" * 500,
    ],
)
def test_files_that_are_no_pictures_are_named(
    bars: FewShotClassifier, png: Callable[..., bytes], content: bytes
) -> None:
    with live(bars) as client:
        answer = client.teach("cross", ("good.png", png()), ("bad.png", content))
        assert (answer.status, answer.detail.startswith("1 of 2 cannot be used: bad.png: ")) == (422, True)
        assert client.counts() == {"lying": 4, "standing": 4}


def test_files_that_the_encoder_refuses_are_named(
    bars: FewShotClassifier, png: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Pixels.prepare

    def small(self: Pixels, raw: Sequence[Any]) -> Any:
        if any(image.width > 16 for image in raw):
            raise DataError("too wide")
        return prepare(self, raw)

    monkeypatch.setattr(Pixels, "prepare", small)
    files = [("good.png", png()), ("large.png", png(size=20)), ("larger.png", png(size=24))]
    with live(bars) as client:
        for path in ("/predict", "/classes/new/examples", "/negatives"):
            answer = client.send(path, files)
            told = "2 of 3 cannot be used: large.png: too wide, larger.png: too wide"
            assert (answer.status, answer.detail) == (422, told)


def test_what_unpacks_to_too_much_is_refused(
    bars: FewShotClassifier, tones: FewShotClassifier, png: Callable[..., bytes], wav: Callable[..., bytes]
) -> None:
    with live(bars, Limits(extent=10_000)) as client:
        assert client.predict(("x.png", png(size=100))).status == 200
        assert "102 x 102 is more than 10,000 pixels" in client.predict(("x.png", png(size=102))).detail
    with live(tones, Limits(extent=0.5)) as client:
        assert client.predict(("x.wav", wav(seconds=0.5))).status == 200
        assert "x.wav: longer than 0.5 seconds" in client.predict(("x.wav", wav(seconds=0.6))).detail
