"""The list, and its split."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from kshot.shapes import Split

MOST = 4000
"""Words in the list."""

_VALIDATION, _TEST = 8, 12  # per cent; all other words train


@cache
def words(count: int = MOST) -> tuple[str, ...]:
    """The most frequent words, in falling order of their frequency.

    No two of them sound alike, and none is an inflection or a near derivation of another: of words
    with one stem the most frequent stands for all. So what is held out is heard in no training word.

    Args:
        count: how many, ``MOST`` at most.
    """
    lines = files("kshot.words").joinpath("words.txt").read_text(encoding="ascii").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))[:count]


@cache
def words_of(split: Split, count: int = MOST) -> tuple[str, ...]:
    """The words of one split, among the ``count`` most frequent ones, in the order of their hash.

    About 80 % train, 8 % validate, 12 % test. The hash of its name decides where a word belongs, so
    that this does not depend on ``count``.
    """
    return tuple(sorted((word for word in words(count) if _split_of(word) == split), key=_hash))


def _split_of(word: str) -> Split:
    place = int(_hash(word), 16) % 100
    if place < _TEST:
        return "test"
    return "validation" if place < _TEST + _VALIDATION else "train"


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
