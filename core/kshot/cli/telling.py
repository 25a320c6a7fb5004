"""How far a training is, said on the standard error where a command prints its answer on the other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def progress_told() -> Generator[None]:
    """Print what kshot's log says of its progress, a line now and then, and its warnings as ever."""
    import logging

    log, handler = logging.getLogger("kshot"), logging.StreamHandler()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
