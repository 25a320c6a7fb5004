"""Typed words: the slips that are meant, in words that stay readable."""

from __future__ import annotations

import random

import pytest
from kshot.interfaces import SPLITS
from kshot_text.typed.slips import doubled, dropped, missed, neighbours, slipped, swapped
from kshot_text.typed.source import TypedWords


def test_each_slip_is_what_its_name_says() -> None:
    assert swapped("word", 0.0, 0.0) == "owrd"
    assert swapped("word", 0.99, 0.0) == "wodr"
    assert dropped("word", 0.5, 0.0) == "wod"
    assert doubled("word", 0.99, 0.0) == "wordd"
    assert missed("word", 0.0, 0.0) == "qord"
    assert [dropped("ab", 0.9, 0), swapped("a", 0.9, 0), doubled("a", 0.9, 0)] == ["ab", "a", "aa"]


@pytest.mark.parametrize(
    ("letter", "keys"), [("a", "sqwz"), ("q", "wa"), ("p", "ol"), ("g", "fhtyvb"), ("m", "njk"), ("l", "kop")]
)
def test_neighbours_are_keys_that_touch(letter: str, keys: str) -> None:
    assert set(neighbours(letter)) == set(keys)


def test_neighbourhood_is_mutual() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert all(one in neighbours(other) for one in letters for other in neighbours(one))


def test_as_many_slips_as_drawn() -> None:
    draw = random.Random(0)
    lengths = []
    for _ in range(300):
        numbers = [draw.random() for _ in range(16)]
        lengths.append(abs(len(slipped("orange", numbers, 5)) - 6))
    assert max(lengths) <= 5
    assert slipped("orange", [0.99] * 16, 0) == "orange"
    assert slipped("orange", [0.0] * 16, 5) == "orange"
    assert slipped("orange", [0.5, 0.0, 0.0, 0.0], 1) == "roange"


def test_texts_are_the_same_at_every_call_and_close_to_their_words() -> None:
    source, again = TypedWords(words=200), TypedWords(words=200)
    for split in SPLITS:
        for row in source.catalogue(split).rows[::9]:
            text = source.fetch(int(row))
            assert text == again.fetch(int(row))
            assert abs(len(text) - len(source.examples[row].word)) <= 2
    exact = [source.fetch(row) == source.examples[row].word for row in source.spans["train"]]
    assert 0.25 < sum(exact) / len(exact) < 0.45


def test_no_slips_on_demand() -> None:
    source = TypedWords(words=100, slips=0)
    assert all(source.fetch(row) == source.examples[row].word for row in source.spans["test"])


def test_a_text_is_shown_as_it_is() -> None:
    assert TypedWords(words=100).present("wrod").data == b"wrod"
