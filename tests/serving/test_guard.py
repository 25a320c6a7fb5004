"""Who may ask: this machine under its own names, and no other site's page."""

from __future__ import annotations

import logging

import pytest
from kshot import FewShotClassifier
from kshot.serving import Hosts

from .live import live

HERE = ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:8000", "127.0.0.1"]
ELSEWHERE = [
    "evil.example",
    "127.0.0.1.evil.example",
    "192.168.1.7",
    "localhost.evil.example:80",
    "a@127.0.0.1",
    "",
    "[",
    "127.0.0.1:x",
]


@pytest.mark.parametrize("host", HERE)
def test_a_server_is_asked_by_its_names(words: FewShotClassifier, host: str) -> None:
    assert Hosts.of("127.0.0.1").allow(host.format(port=80))


@pytest.mark.parametrize("host", ELSEWHERE)
def test_under_another_name_nothing_is_told(words: FewShotClassifier, host: str) -> None:
    """A page that gives its own name an address of this machine still asks under that name."""
    with live(words) as client:
        for path in ("/", "/model", "/model/bundle", "/openapi.json"):
            answer = client.ask("GET", path, headers={"host": host})
            assert answer.status in (400, 421), answer.status
            assert b"cook" not in answer.content


def test_beyond_loopback_addresses_and_given_names_serve() -> None:
    hosts = Hosts.of("0.0.0.0", ["Bench.Example"])
    assert all(hosts.allow(one) for one in ("192.168.1.7:8420", "[fe80::1]", "bench.example", "localhost"))
    assert not hosts.allow("evil.example")
    assert Hosts.of("bench.local").allow("bench.local:80")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_sites_page_changes_and_computes_nothing(
    words: FewShotClassifier, headers: dict[str, str]
) -> None:
    with live(words) as client:
        assert client.send("/predict", ["flour"], headers).status == 403
        assert client.send("/classes/new/examples", ["flour"], headers).status == 403
        assert client.ask("DELETE", "/classes/cook", headers=headers).status == 403
        assert client.ask("POST", "/model/save", headers=headers).status == 403
        assert client.get("/model").json["revision"] == 0


def test_its_own_page_and_programs_may(words: FewShotClassifier) -> None:
    with live(words) as client:
        own = {"origin": f"http://127.0.0.1:{client.port}", "sec-fetch-site": "same-origin"}
        assert client.send("/predict", ["flour"], own).status == 200
        assert client.send("/predict", ["flour"]).status == 200


def test_every_answer_says_what_a_browser_may_do_with_it(words: FewShotClassifier) -> None:
    with live(words) as client:
        answers = [
            client.get("/"),
            client.get("/model"),
            client.get("/nothing"),
            client.ask("GET", "/", headers={"host": "x"}),
        ]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
        assert "http" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_a_fault_of_ours_is_one_line_without_a_traceback(
    words: FewShotClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    with live(words) as client:
        monkeypatch.setattr(FewShotClassifier, "answers", broken)
        with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
            answer = client.predict("flour")
        monkeypatch.undo()
        assert (answer.status, answer.detail) == (500, "a fault in the server; its terminal says more")
        assert b"secret" not in answer.content
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.predict("flour").status == 200  # the desk is not locked for ever
