"""A factory that fails."""

from __future__ import annotations


def encoder() -> object:
    """Never returns."""
    raise RuntimeError("out of ink")
