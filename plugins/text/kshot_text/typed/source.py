"""The embedded source of typed words."""

from __future__ import annotations

from typing import Annotated, final

from kshot.interfaces import SPLITS, Presentation
from kshot.words import MOST, Count, Several, TestWords, WordSource
from pydantic import Field

from kshot_text.texts import present
from kshot_text.typed.slips import slipped

KIND = "typed_words 1"


@final
class TypedWords(WordSource):
    """Which word is typed? English words with slips: swapped, dropped, doubled and missed letters.

    4,000 words; no word is in two splits.

    Args:
        words: the so many most frequent words.
        examples: texts of each training word.
        test_examples: texts of each validation and test word.
        seed: another gives other slips.
        test_words: ``seen``: test on training words, in new texts.
        slips: most slips in a word; each number from none to this is as likely.
    """

    modality = "text"

    def __init__(
        self,
        *,
        words: Count = MOST,
        examples: Several = 8,
        test_examples: Several = 16,
        seed: Annotated[int, Field(ge=0)] = 0,
        test_words: TestWords = "unseen",
        slips: Annotated[int, Field(ge=0, le=5)] = 2,
    ) -> None:
        self._slips = slips
        super().__init__(
            f"{KIND}, {slips}",
            dict.fromkeys(SPLITS, ("typist",)),
            None,
            words=words,
            examples=examples,
            test_examples=test_examples,
            seed=seed,
            test_words=test_words,
        )

    def fetch(self, row: int) -> str:
        """The word as it was typed."""
        example = self.examples[row]
        return slipped(example.word, example.shares(), self._slips)

    def present(self, raw: str) -> Presentation:
        return present(raw)
