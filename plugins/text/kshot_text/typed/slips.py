"""Slips of the typist: Damerau's four kinds, and a key pressed twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

KEYS = "qwertyuiop", "asdfghjkl", "zxcvbnm"
"""The rows of the keyboard, each shifted by half a key or so against the one above."""


def slipped(word: str, draws: Sequence[float], most: int) -> str:
    """A word with up to ``most`` slips.

    Args:
        word: letters a-z.
        draws: numbers between 0 and 1: how many slips, then three for each of them.
        most: slips.
    """
    count = int(draws[0] * (most + 1))
    for kind, place, which in zip(*(draws[1 + start :: 3] for start in range(3)), strict=False):
        if not count:
            break
        word = _KINDS[int(kind * len(_KINDS))](word, place, which)
        count -= 1
    return word


def swapped(word: str, place: float, which: float) -> str:
    """Two neighbouring letters in the wrong order."""
    del which
    at = int(place * (len(word) - 1))
    return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


def dropped(word: str, place: float, which: float) -> str:
    """A letter left out; a word of two letters keeps both."""
    del which
    at = int(place * len(word))
    return word[:at] + word[at + 1 :] if len(word) > 2 else word


def doubled(word: str, place: float, which: float) -> str:
    """A letter typed twice."""
    del which
    at = int(place * len(word))
    return word[: at + 1] + word[at:]


def missed(word: str, place: float, which: float) -> str:
    """The key beside a letter's in its place."""
    at = int(place * len(word))
    beside = neighbours(word[at])
    return word[:at] + beside[int(which * len(beside))] + word[at + 1 :]


def neighbours(letter: str) -> str:
    """The keys that touch a letter's."""
    row = next(number for number, keys in enumerate(KEYS) if letter in keys)
    column = KEYS[row].index(letter)
    places = [(row, column - 1), (row, column + 1)]
    places += [(row - 1, column), (row - 1, column + 1), (row + 1, column - 1), (row + 1, column)]
    return "".join(KEYS[r][c] for r, c in places if 0 <= r < len(KEYS) and 0 <= c < len(KEYS[r]))


_KINDS: Sequence[Callable[[str, float, float], str]] = (swapped, dropped, doubled, missed)
