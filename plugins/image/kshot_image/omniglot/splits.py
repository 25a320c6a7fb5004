"""Omniglot's splits: Vinyals' lists, Lake's two sets, and one that keeps whole alphabets apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from kshot.interfaces import Split

SplitName = Literal["vinyals", "lake", "alphabets"]


class Character(NamedTuple):
    """One character as it was drawn.

    Attributes:
        alphabet: such as ``Japanese_(hiragana)``.
        character: such as ``character01``.
        background: True in Lake's background set, False in his evaluation set.
    """

    alphabet: str
    character: str
    background: bool


def split_characters(characters: Collection[Character], name: SplitName) -> dict[Character, Split]:
    """The split of each character; those that a published list does not have are left out."""
    rules: dict[SplitName, Callable[[Collection[Character]], Callable[[Character], Split | None]]] = {
        "vinyals": _vinyals,
        "lake": _lake,
        "alphabets": _alphabets,
    }
    rule = rules[name](characters)
    found = {one: rule(one) for one in characters}
    return {one: split for one, split in found.items() if split is not None}


@cache
def vinyals_lists() -> Mapping[tuple[str, str], Split]:
    """(alphabet, character) → split, for the 1,623 characters of Vinyals' lists."""
    splits: dict[str, Split] = {"T": "train", "V": "validation", "E": "test"}
    text = (files("kshot_image.omniglot") / "vinyals.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {
        (alphabet, f"character{number:02d}"): splits[letter]
        for alphabet, letters in lines
        for number, letter in enumerate(letters, start=1)
    }


def _vinyals(characters: Collection[Character]) -> Callable[[Character], Split | None]:
    del characters
    lists = vinyals_lists()
    return lambda one: lists.get((one.alphabet, one.character))


def _lake(characters: Collection[Character]) -> Callable[[Character], Split | None]:
    """Background to train, evaluation to test; of 30 background alphabets five validate."""
    background = _shuffled(one.alphabet for one in characters if one.background)
    validation = set(background[: max(len(background) // 6, 1)])

    def rule(one: Character) -> Split | None:
        if not one.background:
            return "test"
        return "validation" if one.alphabet in validation else "train"

    return rule


def _alphabets(characters: Collection[Character]) -> Callable[[Character], Split | None]:
    """Six alphabets of ten to train, two to validate, two to test: 30, 10 and 10 of all 50."""
    order = _shuffled(one.alphabet for one in characters)
    first, second = round(0.6 * len(order)), round(0.8 * len(order))
    rank = {alphabet: place for place, alphabet in enumerate(order)}

    def rule(one: Character) -> Split | None:
        place = rank[one.alphabet]
        return "train" if place < first else "validation" if place < second else "test"

    return rule


def _shuffled(alphabets: Iterable[str]) -> list[str]:
    """Alphabets by the SHA-256 of their names: an order without meaning, the same everywhere."""
    return sorted(set(alphabets), key=lambda name: hashlib.sha256(name.encode()).digest())
