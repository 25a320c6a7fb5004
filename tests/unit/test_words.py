"""The shared words: what may be a class, and who sees it when."""

from __future__ import annotations

import re
from typing import Any, get_args

import numpy as np
import pytest
from kshot.interfaces import SPLITS, Presentation, Split
from kshot.words import MOST, TestWords, WordSource, words, words_of

HANDS = {"train": ("ann", "ben", "cyd"), "validation": ("dot",), "test": ("eve", "fay")}


class Said(WordSource):
    """Words as their raw examples."""

    modality = "text"

    def fetch(self, row: int) -> str:
        return self.examples[row].word

    def present(self, raw: Any) -> Presentation:
        return Presentation("text/plain", raw.encode())


def said(*, seed: int = 0, test_words: TestWords = "unseen", count: int = 200, examples: int = 5) -> Said:
    return Said(
        "said",
        HANDS,
        "hand",
        words=count,
        examples=examples,
        test_examples=4,
        seed=seed,
        test_words=test_words,
    )


def test_the_list_holds_plain_words_once() -> None:
    found = words()
    assert len(found) == len(set(found)) == MOST
    assert all(re.fullmatch("[a-z]{3,10}", word) for word in found)


def test_a_shorter_list_begins_the_longer_one_and_splits_alike() -> None:
    assert words(300) == words()[:300]
    for split in SPLITS:
        assert set(words_of(split, 300)) == set(words_of(split)) & set(words(300))


def test_splits_share_the_words_among_them() -> None:
    parts = [words_of(split) for split in SPLITS]
    assert sorted(word for part in parts for word in part) == sorted(words())
    assert [len(part) for part in parts] == pytest.approx([3200, 320, 480], rel=0.05)


UNRELATED = {
    "band",
    "beard",
    "bind",
    "card",
    "crowd",
    "fund",
    "grand",
    "grind",
    "mind",
    "rating",
    "wind",
}
"""They end like inflections of other words in the list (ban, bear, rat, …), and are none."""


def test_no_word_is_another_one_inflected() -> None:
    known = set(words())
    inflected = {base + ending for base in known for ending in ("s", "es", "d", "ed", "ing", "ly", "r", "er")}
    inflected |= {base.removesuffix("e") + ending for base in known for ending in ("ed", "ing", "er")}
    assert known & inflected == UNRELATED


def test_every_split_takes_its_own_hands_in_turn() -> None:
    source = said()
    for split in SPLITS:
        made = [source.examples[row] for row in source.spans[split]]
        assert {one.manner for one in made} == set(HANDS[split])
        first = [one.manner for one in made[: len(HANDS[split])]]
        assert sorted(first) == sorted(HANDS[split]), "no hand twice before all have come once"
    assert set(source.catalogue("test").example_groups) == {"hand"}


def test_orders_of_hands_differ_between_words() -> None:
    source = said()
    firsts = {
        source.examples[row].manner for row in source.spans["train"] if source.examples[row].number == 0
    }
    assert firsts == set(HANDS["train"])


def test_seen_words_are_training_words_and_leave_training_alone() -> None:
    plain, seen = said(), said(test_words="seen")
    assert seen.catalogue("train").fingerprint == plain.catalogue("train").fingerprint
    assert seen.catalogue("test").fingerprint != plain.catalogue("test").fingerprint
    assert set(seen.catalogue("test").classes) <= set(plain.catalogue("train").classes)
    assert len(seen.catalogue("test").classes) == len(plain.catalogue("test").classes)
    assert not set(plain.catalogue("test").classes) & set(plain.catalogue("train").classes)


def test_an_example_has_random_numbers_of_its_own() -> None:
    source, seen = said(), said(test_words="seen")
    numbers = [
        tuple(one.random()) for one in (*source.examples, *(seen.examples[r] for r in seen.spans["test"]))
    ]
    assert len(set(numbers)) == len(numbers)
    assert tuple(said(seed=1).examples[0].random()) != numbers[0]
    shares = np.asarray([one.shares() for one in source.examples])
    assert 0 <= shares.min() < 0.01 < 0.99 < shares.max() < 1
    assert abs(float(shares.mean()) - 0.5) < 0.01


def test_an_example_does_not_depend_on_how_many_there_are() -> None:
    few, many = said(examples=2, count=150), said(examples=5, count=300)
    by_name = {(one.identity, one.word, one.number): one for one in many.examples}
    assert all(by_name[one.identity, one.word, one.number] == one for one in few.examples)


def test_a_place_names_word_and_hand() -> None:
    assert re.fullmatch(r"'[a-z]+', example 0 \((ann|ben|cyd)\)", said().place(0))


def test_rows_lead_to_the_words_of_their_classes() -> None:
    source = said()
    split: Split
    for split in get_args(Split):
        catalogue = source.catalogue(split)
        for number, name in enumerate(catalogue.classes):
            rows = catalogue.rows[catalogue.offsets[number] : catalogue.offsets[number + 1]]
            assert {source.fetch(int(row)) for row in rows} == {name}
