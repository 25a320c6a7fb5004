"""A server on a free port of this machine, and a client that says exactly what it is told to."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

from kshot import FewShotClassifier
from kshot.serving import Address, Desk, Hosts, Limits, application
from kshot.serving.running import server

File = tuple[str, bytes]
"""Name and content."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The content, read."""
        return json.loads(self.content)

    @property
    def detail(self) -> str:
        """Why it was refused: one line without anything of the server's inside."""
        detail = self.json["detail"]
        assert isinstance(detail, str)
        assert "\n" not in detail
        assert "Traceback" not in detail
        return detail


@dataclass(frozen=True)
class Client:
    """Asks a server."""

    port: int
    desk: Desk

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}), **more)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """Read."""
        return self.ask("GET", path)

    def send(
        self, path: str, things: Sequence[str | File], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Texts as JSON, files as a form."""
        if all(isinstance(thing, str) for thing in things):
            body, media = json.dumps({"texts": list(things)}).encode(), "application/json"
        else:
            body, media = form([thing for thing in things if not isinstance(thing, str)])
        return self.ask("POST", path, body, {"content-type": media, **(headers or {})})

    def predict(self, *things: str | File) -> Answer:
        """Ask about things."""
        return self.send("/predict", things)

    def teach(self, name: str, *things: str | File) -> Answer:
        """Add examples to a class."""
        return self.send(f"/classes/{quote(name, safe='')}/examples", things)

    def forget(self, name: str) -> Answer:
        """Remove a class."""
        return self.ask("DELETE", f"/classes/{quote(name, safe='')}")

    def counts(self) -> dict[str, int]:
        """Examples of each class."""
        return {one["name"]: one["count"] for one in self.get("/model").json["classes"]}


def form(files: Sequence[File], field: str = "files") -> tuple[bytes, str]:
    """Files as a form's body, and its media type."""
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--mark--\r\n", "multipart/form-data; boundary=mark"


@contextmanager
def live(
    classifier: FewShotClassifier,
    limits: Limits | None = None,
    path: Path | None = None,
    bound: str = "127.0.0.1",
) -> Iterator[Client]:
    """A server that lasts as long as the block."""
    desk = Desk(classifier, limits or Limits(), path)
    listening = Address("127.0.0.1", 0).listen()
    running = server(application(desk, "things.kshot", Hosts.of(bound)))
    thread = Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Client(listening.getsockname()[1], desk)
    finally:
        running.should_exit = True
        thread.join()
        listening.close()
