"""What is handed over and is probably a mistake: told in the log, a line for each, and taken as it stands."""

from __future__ import annotations

import logging
import reprlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from kshot.classifier.things import Given
from kshot.classifier.threshold import Threshold
from kshot.errors import listing

S = TypeVar("S", bound=str | bytes)

log = logging.getLogger("kshot")

NAMED = 3
"""Finds that a line names; the rest is counted."""

MOST_REFUSED = 0.5
"""Share of the known examples that a threshold may refuse before it is doubted."""

UNEVEN = 3
"""How many times as many examples as the smallest class the largest may have before learners are doubted that favour
large classes."""

_PARTS = {"train", "training", "valid", "val", "validation", "dev", "eval", "test", "testing"}

_short = reprlib.Repr()
_short.maxstring = 60


def tell_alike(given: Iterable[str], known: Iterable[str], who: str) -> None:
    """Tell of classes whose names differ by case alone, by space around them, or by how Unicode spells a letter (an é
    of one sign or of two, which look the same).

    Args:
        given: names of classes, as they are given now.
        known: those that were there before; what was told of them is not told again.
        who: asked for them.
    """
    before = set(known)
    groups: dict[str, list[str]] = {}
    for name in sorted(before.union(given)):
        groups.setdefault(unicodedata.normalize("NFC", name.strip()).casefold(), []).append(name)
    alike = [names for names in groups.values() if len(names) > 1 and not before.issuperset(names)]
    if alike:
        log.warning(
            "%s: classes that differ by case alone, by space around them, or by how Unicode spells a letter, and are "
            "kept apart: %s; give those that are one the same name",
            who,
            listing((" and ".join(map(_short.repr, names)) for names in alike), NAMED),
        )


def tell_parts(labels: Iterable[str], who: str) -> None:
    """Tell where classes are called as the parts of a data set are, of which the folder was probably given whole.

    Args:
        labels: of all examples.
        who: was given them.
    """
    names = sorted(set(labels))
    if all(name.strip().casefold() in _PARTS for name in names):
        log.warning(
            "%s: the classes are called %s, as parts of a data set are; if that is what they are, give one of them, "
            "with the classes as its sub-folders, or name the column of the classes",
            who,
            listing(map(_short.repr, names)),
        )


def tell_contradictions(given: Given, labels: Sequence[str]) -> None:
    """Tell of examples that are given under several classes: of equal texts, of one file, and of equal bytes.

    What neither is a text nor came as bytes or as a path is not compared, and no file is read for it.

    Args:
        given: n examples.
        labels: their classes.
    """
    signs = [_sign(thing, read) for thing, read in zip(given.things, given.raw, strict=True)]
    told = [
        f"{_shown(sign)} ({listing(dict.fromkeys(_short.repr(labels[number]) for number in numbers), NAMED)})"
        for sign, numbers in _contradictions(signs, labels)
    ]
    _tell_contradictions(given.who, told)


def tell_uneven(learner: str, labels: Iterable[str], who: str, before: Iterable[str] = ()) -> None:
    """Tell where classes differ much in size, of a learner that favours large ones (measured: docs/faq.md).

    Args:
        learner: its name.
        labels: of all examples.
        who: was given them.
        before: labels of those that were there already; where they differed as much it was told then.
    """
    sizes = Counter(labels)
    fewest, most = min(sizes.values()), max(sizes.values())
    earlier = Counter(before).values()
    if most <= UNEVEN * fewest or (earlier and max(earlier) > UNEVEN * min(earlier)):
        return
    log.warning(
        "%s: classes differ much in size (%d to %d examples), and %s answers with the small ones too seldom; give "
        "these more examples, or take prototypical or simpleshot with shrinkage=true or linear_probe with "
        "balanced=true",
        who,
        fewest,
        most,
        learner,
    )


def tell_repeats(copies: int, examples: int, who: str) -> None:
    """Tell how many examples only repeat others of their class; ``who`` was given them."""
    if copies:
        log.warning(
            "%s: %d of %d examples %s of their class, or %s the same to the encoder; they are left out together where "
            "examples are left out to measure",
            who,
            copies,
            examples,
            "is a copy of another" if copies == 1 else "are copies of others",
            "looks" if copies == 1 else "look",
        )


def tell_copies(
    who: str, digests: Sequence[str | None], labels: Sequence[str], places: Sequence[str]
) -> None:
    """Tell of examples that lie under several classes with the same content.

    Args:
        who: takes them.
        digests: of the content of n examples; none: not known, and not compared.
        labels: their classes.
        places: where each lies.
    """
    found = _contradictions(digests, labels)
    _tell_contradictions(
        who, [" and ".join(places[number] for number in numbers[:NAMED]) for _, numbers in found]
    )


def tell_cut(who: str, encoder: str, cut: int, total: int) -> None:
    """Tell how many of ``total`` examples are longer than an encoder takes, if any are."""
    if cut:
        log.warning(
            "%s: %d of %d examples are longer than '%s' takes, and were cut; what follows is not seen",
            who,
            cut,
            total,
            encoder,
        )


def tell_poor_negatives(found: Threshold | None) -> None:
    """Tell where a threshold by negatives tells none of them from the known, or refuses most of these."""
    if found is None or found.accepted is None:
        return
    if found.accepted == 1:
        log.warning(
            "negatives: of %d none is refused, so that nothing like them will be unknown; they are as much like the "
            "classes as the classes' own examples: give others, or leave them out",
            found.negatives,
        )
    elif found.refused > MOST_REFUSED:
        log.warning(
            "negatives: the threshold that they set refuses %.0f %% of the %d known examples too; they are too much "
            "like the classes: give others, or limit what may be refused by `unknown`",
            100 * found.refused,
            found.known,
        )


def _contradictions(signs: Iterable[S | None], labels: Sequence[str]) -> list[tuple[S, list[int]]]:
    """The signs of examples of several classes, and the numbers of those that have each."""
    numbers: dict[S, list[int]] = {}
    for number, sign in enumerate(signs):
        if sign is not None:
            numbers.setdefault(sign, []).append(number)
    return [(sign, those) for sign, those in numbers.items() if len({labels[number] for number in those}) > 1]


def _tell_contradictions(who: str, told: Sequence[str]) -> None:
    if told:
        log.warning(
            "%s: the same example under several classes: %s; one of them is probably wrong",
            who,
            listing(told, NAMED),
        )


def _sign(thing: Any, read: Any) -> str | bytes | None:
    """By which an example is known again."""
    if isinstance(read, str):
        return read
    if isinstance(thing, str | Path):
        return str(Path(thing).resolve())
    return bytes(thing) if isinstance(thing, bytes | bytearray) else None


def _shown(sign: str | bytes) -> str:
    return _short.repr(sign) if isinstance(sign, str) else f"{len(sign)} bytes"
