"""What the sources of written, spoken and typed words have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from kshot.interfaces import SPLITS, Source, Split
from kshot.sampling import Catalogue
from kshot.sampling.streams import Stream, Words
from kshot.words.chosen import MOST, words_of

NUMBERS = 16
"""Random numbers of each example."""

Count = Annotated[int, Field(ge=100, le=MOST)]
Several = Annotated[int, Field(ge=2, le=100)]
TestWords = Literal["unseen", "seen"]
TestManners = Literal["unseen", "seen"]


@dataclass(frozen=True)
class WordExample:
    """One example to be made: a word in some manner.

    Attributes:
        identity: what its random numbers depend on, besides its number.
        word: its class.
        manner: who writes or speaks it.
        number: of the example among its word's.
    """

    identity: tuple[str | int, ...]
    word: str
    manner: str
    number: int

    def random(self) -> Words:
        """``NUMBERS`` random 64-bit words, the same on every machine, of this example's own."""
        return Stream([*self.identity, self.word], NUMBERS).records(self.number, self.number + 1)[0]

    def shares(self) -> list[float]:
        """The same as numbers between 0 and 1."""
        return ((self.random() >> np.uint64(11)).astype(np.float64) / 2**53).tolist()


class WordSource(Source):
    """Words as classes; each example of a word is made in a manner (a typeface, a voice).

    A word's examples take the manners of its split in an order of the word's own, one after the
    other, so that no manner comes twice before all have come once.

    Rows count through train, validation and test. What a split holds does not depend on what the
    others hold, nor does its catalogue's fingerprint.

    Args:
        kind: name of the source, with a number that is raised whenever an example comes to be another.
        manners: who makes the examples of each split.
        group: name of the example group that tells the manner; none: manners are of no account.
        words: the so many most frequent words.
        examples: of each training word.
        test_examples: of each validation and test word.
        seed: another gives other examples.
        test_words: ``seen``: the split ``test`` holds training words, as many as there are test words,
            in examples of their own; classes are then not new in testing, and that is meant.

    Attributes:
        examples: what each row holds.
        spans: the rows of each split.
    """

    def __init__(
        self,
        kind: str,
        manners: Mapping[Split, Sequence[str]],
        group: str | None,
        *,
        words: int,
        examples: int,
        test_examples: int,
        seed: int,
        test_words: TestWords,
    ) -> None:
        chosen = {split: words_of(split, words) for split in SPLITS}
        if test_words == "seen":
            chosen["test"] = chosen["train"][: len(chosen["test"])]
        self.examples: list[WordExample] = []
        self.spans: dict[Split, range] = {}
        self._catalogues: dict[Split, Catalogue] = {}
        for split in SPLITS:
            first, each = len(self.examples), examples if split == "train" else test_examples
            identity = (kind, split, seed)
            for word in chosen[split]:
                order = _order([*identity, word, "manners"], manners[split])
                self.examples += [
                    WordExample(identity, word, order[number % len(order)], number) for number in range(each)
                ]
            made, self.spans[split] = self.examples[first:], range(first, len(self.examples))
            self._catalogues[split] = Catalogue.build(
                [one.word for one in made],
                [f"{one.number:02d}" for one in made],
                version=json.dumps([*identity, *manners[split]]),
                rows=self.spans[split],
                example_groups={} if group is None else {group: [one.manner for one in made]},
            )

    def catalogue(self, split: Split) -> Catalogue:
        """Words, and their examples by number."""
        return self._catalogues[split]

    def place(self, row: int) -> str:
        """The word, its number and its manner."""
        example = self.examples[row]
        return f"'{example.word}', example {example.number} ({example.manner})"


def _order(identity: list[str | int], manners: Sequence[str]) -> list[str]:
    keys = Stream(identity, len(manners)).records(0, 1)[0]
    return [manners[int(place)] for place in np.argsort(keys, kind="stable")]
