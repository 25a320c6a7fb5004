"""Being asked to stop: by Ctrl-C or by SIGTERM, in one line and with the exit code that says which."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
TERMINATED = 143
"""Exit codes: 128 and the signal's number, as shells count."""


class TerminationRequested(KeyboardInterrupt):
    """SIGTERM came: what a batch system or ``docker stop`` sends before it kills."""


@contextmanager
def terminable() -> Generator[None]:
    """Let SIGTERM end what runs as Ctrl-C does, locks released and nothing half written."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise TerminationRequested

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # signals come to the main thread alone, and this is another
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def request(error: BaseException | None) -> KeyboardInterrupt | None:
    """The request to stop that an exception is, or was raised in answer to; none where there was none."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def exit_code(stop: KeyboardInterrupt) -> int:
    """The code with which to leave."""
    return TERMINATED if isinstance(stop, TerminationRequested) else INTERRUPTED


def described(stop: KeyboardInterrupt) -> str:
    """One line, with what a command noted on the request."""
    what = "terminated" if isinstance(stop, TerminationRequested) else "interrupted"
    return "; ".join([what, *getattr(stop, "__notes__", [])])
