"""Paths of the command line."""

from __future__ import annotations

from pathlib import Path


def path(given: str | Path) -> Path:
    """A path in which ``~`` is a user's home: shells leave it as it is behind an equals sign (``--out=~/mine``)."""
    try:
        return Path(given).expanduser()
    except RuntimeError:  # nobody of that name has a home
        return Path(given)
