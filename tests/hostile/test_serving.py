"""Requests that a browser would not send, to a served classifier."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kshot import FewShotClassifier
from kshot.serving import Limits

from tests.classifier.things import pictures, texts
from tests.serving.live import Client, form, live

from . import media
from .forms import damaged, odd_names
from .harness import ROOT, tried

LIMITS = Limits(request_bytes=300_000, file_bytes=100_000, things=4, examples=60, classes=6)
INSIDE = (str(ROOT), tempfile.gettempdir(), sys.prefix, "Traceback")
REFUSED = {400, 404, 405, 411, 413, 415, 421, 422}
_SUPPRESSED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
SETTINGS = {"database": None, "suppress_health_check": _SUPPRESSED}


# Of a form that is damaged within a file the library leaves it to Python to close that, which it does at once.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    classifier = FewShotClassifier("tfidf", unknown=0.1).fit(*texts())
    with live(classifier, LIMITS) as made:
        yield made


@pytest.fixture(scope="module")
def eyes() -> Iterator[Client]:
    classifier = FewShotClassifier("pixels", encoder_options={"size": 12}).fit(*pictures())
    with live(classifier, LIMITS) as made:
        yield made


def _asked(client: Client, path: str, body: bytes, media_type: str) -> int:
    """The status; a refusal is one line without anything of the server's inside, and the server goes on."""
    tried["http"] = tried.get("http", 0) + 1
    began = time.perf_counter()
    answer = client.ask("POST", path, body, {"content-type": media_type})
    assert answer.status == 200 or answer.status in REFUSED, (answer.status, answer.content[:500])
    if answer.status != 200:
        assert answer.detail
        assert not [one for one in INSIDE if one in answer.detail]
        assert len(answer.detail) < 10_000
    assert time.perf_counter() - began < 20
    return answer.status


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_names | st.text(max_size=20),
    lambda one: (
        st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["texts", "path", "files", ""]), one)
    ),
    max_leaves=8,
)
_SOUND = [form([("a.txt", b"flour"), ("b.txt", b"song")])[0], form([("../../x", b"\xff\xfe")])[0]]


def _weird(client: Client, value: object) -> None:
    _asked(client, "/predict", json.dumps(value).encode(), "application/json")


def _multipart(client: Client, body: bytes, media_type: str) -> None:
    _asked(client, "/predict", body, media_type)


def _picture(client: Client, content: bytes, name: str) -> None:
    safe = name.encode(errors="replace").decode().replace('"', "'").replace("\r", " ").replace("\n", " ")
    _asked(client, "/predict", *form([(safe, content)]))


_TYPES = st.sampled_from(
    [
        "multipart/form-data; boundary=mark",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json",
    ]
)
_PICTURES = damaged([media.picture(), media.picture(format_="JPEG"), media.picture(mode="P", format_="GIF")])


@settings(max_examples=25, **SETTINGS)
@given(value=_JSON | st.fixed_dictionaries({"texts": _JSON}))
def test_weird_json(client: Client, value: object) -> None:
    _weird(client, value)


@settings(max_examples=30, **SETTINGS)
@given(body=damaged(_SOUND), media_type=_TYPES)
def test_malformed_forms(client: Client, body: bytes, media_type: str) -> None:
    _multipart(client, body, media_type)


@settings(max_examples=25, **SETTINGS)
@given(content=_PICTURES, name=odd_names)
def test_damaged_pictures_with_odd_names(eyes: Client, content: bytes, name: str) -> None:
    _picture(eyes, content, name)


@pytest.mark.slow
def test_at_length(client: Client, eyes: Client) -> None:
    many = settings(max_examples=600, derandomize=False, **SETTINGS)
    many(given(value=_JSON | st.fixed_dictionaries({"texts": _JSON}))(lambda value: _weird(client, value)))()
    many(
        given(body=damaged(_SOUND), media_type=_TYPES)(
            lambda body, media_type: _multipart(client, body, media_type)
        )
    )()
    many(given(content=_PICTURES, name=odd_names)(lambda content, name: _picture(eyes, content, name)))()


@pytest.mark.parametrize(
    "content",
    [
        media.png(60_000, 60_000, rows=2),
        media.png(100_000, 100_000, rows=1),
        media.text_bomb(50_000_000),
        b"<svg/>",
    ],
    ids=["60,000 wide", "100,000 wide", "text", "svg"],
)
def test_bombs(eyes: Client, content: bytes) -> None:
    assert _asked(eyes, "/predict", *form([("bomb.png", content)])) == 422


def test_a_picture_that_is_a_line(eyes: Client) -> None:
    content = media.png(100_000, 1)
    assert _asked(eyes, "/predict", *form([("line.png", content)])) == 200
    assert _asked(eyes, "/classes/line/examples", *form([("line.png", content)])) == 200


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "99999999999999999999", "5, 6"])
def test_lengths_that_lie(client: Client, length: str) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        head = (
            f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\ncontent-type: application/json\r\n"
        )
        connection.sendall(f"{head}content-length: {length}\r\n\r\n{{}}".encode())
        status = int(connection.recv(64).split()[1])
    assert status in REFUSED
    assert client.get("/healthz").status == 200


def test_a_request_of_two_lengths_is_not_taken_for_two(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        head = (
            f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\n"
            "content-type: application/json\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"
        )
        smuggled = f"GET /model HTTP/1.1\r\nhost: 127.0.0.1:{client.port}\r\n\r\n"
        connection.sendall(f"{head}0\r\n\r\n{smuggled}".encode())
        said = b""
        while piece := connection.recv(65_536):  # until the server closes
            said += piece
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b'"classes"' not in said
    assert client.get("/healthz").status == 200


def test_a_client_that_stops_in_the_middle(client: Client) -> None:
    held = []
    for _ in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
        connection.putrequest("POST", "/predict")
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", "1000")
        connection.endheaders(b"{")
        held.append(connection)
    assert client.predict("flour").status == 200
    for connection in held:
        connection.close()
    assert client.get("/healthz").status == 200
