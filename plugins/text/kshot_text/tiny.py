"""A source for tests: a few words of one topic among words of none, told apart by every encoder of texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue

from kshot_text.texts import present

EXAMPLES = 12

TOPICS = {
    "kitchen": "boil stir oven flour",
    "car": "engine wheel road brake",
    "music": "song drum choir tune",
    "sport": "goal team match referee",
    "weather": "rain cloud storm wind",
    "law": "court judge lawyer trial",
    "garden": "seed soil flower weed",
    "body": "arm leg head hand",
    "farm": "cow barn milk hay",
    "ship": "sail deck anchor harbour",
    "school": "pupil lesson pencil teacher",
    "money": "bank loan debt coin",
    "house": "door window stairs kitchen",
    "space": "moon planet star orbit",
    "clothes": "shirt trousers coat shoe",
    "metal": "iron copper gold tin",
    "family": "mother father sister uncle",
    "river": "bank stream bridge flood",
    "war": "army soldier battle tank",
    "paint": "brush colour canvas easel",
    "bread": "dough crust yeast bakery",
}
FILLERS = ("the", "a", "of", "and", "then", "with", "under", "every")
_OF: Mapping[Split, tuple[int, int]] = {"train": (0, 8), "validation": (8, 13), "test": (13, 21)}


@final
class TinyTexts(Source):
    """Three words of a topic among one to four of no topic; 21 classes of 12 texts.

    Args:
        seed: of the choice and the order.
    """

    modality = "text"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._catalogues = {split: self._catalogue(*bounds) for split, bounds in _OF.items()}

    def catalogue(self, split: Split) -> Catalogue:
        """Eight classes to train, five to validate, eight to test."""
        return self._catalogues[split]

    def fetch(self, row: int) -> str:
        """A text of four to seven words."""
        generator = np.random.Generator(np.random.Philox(key=[self._seed, row]))
        words = list(TOPICS.values())[row // EXAMPLES].split()
        own = generator.choice(words, size=3)
        filler = generator.choice(FILLERS, size=int(generator.integers(1, 5)))
        return " ".join(str(word) for word in generator.permutation(np.concatenate([own, filler])))

    def present(self, raw: Any) -> Presentation:
        """The text itself."""
        return present(raw)

    def hostile(self) -> Mapping[str, str]:
        """No text, spaces, a book without a space, half a character, other scripts, control characters."""
        return {
            "empty": "",
            "of spaces alone": " \t\n ",
            "100,000 characters without a space": "a" * 100_000,
            "20,000 words long": "moon river " * 10_000,
            "half a character": "moon \ud83d",
            "of pictures and other scripts": "🌙 月 القمر луна",
            "of control characters": "\x00\x01\x1b",
        }

    def _catalogue(self, start: int, stop: int) -> Catalogue:
        rows = range(start * EXAMPLES, stop * EXAMPLES)
        labels = [list(TOPICS)[row // EXAMPLES] for row in rows]
        keys = [f"{row % EXAMPLES:02d}" for row in rows]
        return Catalogue.build(labels, keys, rows=rows, version=f"tiny-texts-1 {self._seed}")
