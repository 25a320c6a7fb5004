"""Examples that were given here, kept so that they can be shown."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from kshot.interfaces import Presentation


def _key() -> str:
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Shown:
    """An example as people see it.

    Attributes:
        name: what its sender called it; nothing but text to show.
        drawn: its picture, sound or text; None where there was no more room to keep it.
        key: by which it is asked for.
    """

    name: str
    drawn: Presentation | None
    key: str = field(default_factory=_key)


Kept = Sequence[Shown | None]
"""One for each support example, in their order; None for those that came with the classifier."""


def size(kept: Kept) -> int:
    """Bytes that they hold."""
    return sum(len(one.drawn.data) for one in kept if one is not None and one.drawn is not None)
