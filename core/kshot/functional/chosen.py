"""What was measured to be the best on this machine, where it goes before the shipped table."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from kshot.config import StrategyEntry

_SHIPPED = StrategyEntry()
_chosen: ContextVar[StrategyEntry] = ContextVar("kshot_chosen", default=_SHIPPED)


@contextmanager
def following(entry: StrategyEntry) -> Generator[None]:
    """Compute as ``entry`` says inside the block, in this thread and in those that it maps over."""
    token = _chosen.set(entry)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen() -> StrategyEntry:
    """What holds here; nothing, outside of any block."""
    return _chosen.get()
