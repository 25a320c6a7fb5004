"""What stands before the application: who may ask, how much is read, what every answer says."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any, final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kshot.serving.hosts import Hosts
from kshot.serving.refusals import AMBIGUOUS, FORBIDDEN, OTHER_HOST, TOO_LARGE

_LENGTHS = frozenset({"content-length", "transfer-encoding"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@final
class Guard:
    """Wraps an application.

    A request is answered only under a name of this server, and one that changes or computes something
    only where it does not come from another site's page: a browser sends such requests without asking.

    Args:
        app: what is guarded.
        hosts: the server's names.
        most: bytes of a request that are read.
        policy: the content security policy of every answer.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, most: int, policy: str) -> None:
        self._app, self._hosts, self._most = app, hosts, most
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        body = _Body(receive, self._most, whole=_LENGTHS.isdisjoint(headers))
        refused = self._refused(scope["method"], headers)
        if refused is not None:
            await _refuse(*refused, self._telling(send, body))
            return
        await self._app(scope, body.receive, self._telling(send, body))

    def _refused(self, method: str, headers: Headers) -> tuple[int, str] | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.allow(hosts[0]):
            return OTHER_HOST, "this server is not known by that name; see `kshot serve --help`, --allow-host"
        if method not in _SAFE and _from_elsewhere(headers, hosts[0]):
            return FORBIDDEN, "a request from another site's page"
        if _LENGTHS.issubset(headers):  # what one proxy takes for its end is another's next request
            return AMBIGUOUS, "a request with a Content-Length and a Transfer-Encoding has two ends"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most:
            return TOO_LARGE, _too_large(self._most)
        return None

    def _telling(self, send: Send, body: _Body) -> Send:
        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                if not body.whole:  # or the server would go on to read, for as long as somebody sends
                    headers["connection"] = "close"
            await send(message)

        return told


@final
class _Body:
    """A request's body, read no further than is allowed, whatever length was announced, or none.

    Attributes:
        whole: True once nothing of it is left to read.
    """

    def __init__(self, receive: Receive, most: int, *, whole: bool) -> None:
        self._receive, self._most, self.whole = receive, most, whole
        self._count = 0

    async def receive(self) -> Message:
        """The next piece."""
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > self._most:
            raise HTTPException(TOO_LARGE, _too_large(self._most))
        self.whole = not message.get("more_body", False)
        return message


def _too_large(most: int) -> str:
    """Why a request is refused that is larger than ``most`` bytes."""
    return f"the request is larger than {most / 2**20:g} MiB; send fewer or smaller files"


async def _refuse(status: int, reason: str, send: Send) -> None:
    body = json.dumps({"detail": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _from_elsewhere(headers: Headers, host: str) -> bool:
    """True where a browser says that another site's page asks. Programs that are no browsers say nothing."""
    origin = headers.get("origin")
    if origin is not None:
        return origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower())
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
