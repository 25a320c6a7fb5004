"""A server on a socket of its own, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from kshot.errors import KshotError

log = logging.getLogger("uvicorn.error")

AT_ONCE = 32
"""Connections that are answered; the next is told to come again."""


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        host: a name or an address of this machine.
        port: 0: any that is free.
    """

    host: str
    port: int

    def listen(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            KshotError: the port is taken or not allowed, or the host is none of this machine's.
        """
        try:
            family = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0][0]
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            reason = error.strerror or error
            raise KshotError(
                f"cannot listen at {self.host}, port {self.port}: {reason}; choose others by --host and --port"
            ) from error


def address_of(listening: socket.socket) -> str:
    """How a browser on this machine calls it."""
    host: str
    port: int
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host) or host
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(application: ASGIApp) -> uvicorn.Server:
    """What answers requests, and says on the terminal only what goes wrong."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=AT_ONCE,
            timeout_graceful_shutdown=3,
        )
    )


def serve(application: ASGIApp, listening: socket.socket) -> None:
    """Answer until Ctrl-C or SIGTERM comes; what is under way by then has three seconds."""
    running = server(application)
    with listening, _ending_quietly(running):
        running.run(sockets=[listening])


@contextmanager
def _ending_quietly(running: uvicorn.Server) -> Generator[None]:
    """Requests that are cut off since the server was told to end are no errors to be told of."""

    def worth_telling(record: logging.LogRecord) -> bool:
        cut_off = record.exc_info is None or isinstance(record.exc_info[1], asyncio.CancelledError)
        return not (running.should_exit and cut_off)

    log.addFilter(worth_telling)
    try:
        yield
    finally:
        log.removeFilter(worth_telling)
