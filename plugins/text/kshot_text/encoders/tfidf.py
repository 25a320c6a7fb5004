"""A bag of words weighted by TF-IDF: the baseline that a trained text encoder must beat."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.errors import DataError, KshotError
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor

from kshot_text.encoders.pooling import unit
from kshot_text.state import bytes_of, text_of
from kshot_text.texts import checked
from kshot_text.tokens import inverse_document_frequency, padded

_WORD = re.compile(r"(?u)\b\w\w+\b")


@final
class Tfidf(Encoder):
    """Term frequency times inverse document frequency, at length 1; nothing to train.

    Spärck Jones, "A statistical interpretation of term specificity and its application in
    retrieval" (Journal of Documentation 28, 1972); words, smoothing and norm are those of
    scikit-learn's ``TfidfVectorizer``. Vocabulary and frequencies come from the training texts
    only, so words that stand in held-out classes alone are not seen.

    Args:
        words: most frequent words that count, which is the embedding's width.
    """

    modality = "text"
    idf: Tensor

    def __init__(self, words: int) -> None:
        super().__init__()
        self.dim = words
        self._numbers: dict[str, int] = {}
        self.register_buffer("idf", torch.zeros(words))

    def fit(self, raw: Sequence[Any]) -> None:
        """Take the vocabulary and its document frequencies from N training texts.

        Raises:
            DataError: there is no word in any of them.
        """
        documents = [_words(text) for text in checked(raw, "tfidf")]
        counts = Counter(word for document in documents for word in document)
        if documents and not counts:
            raise DataError(
                f"tfidf: none of the {len(documents)} texts has a word that it keeps (two letters or digits in a row, "
                "at least); take an encoder that reads other signs too"
            )
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self._numbers = {word: number for number, word in enumerate(sorted(ranked[: self.dim]))}
        ids = [self._known(document) for document in documents]
        self.idf.copy_(inverse_document_frequency(ids, self.dim))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B texts → ``input_ids`` (B, L) of their known words, and ``attention_mask`` (B, L)."""
        if not self._numbers:
            raise KshotError(
                "tfidf has no vocabulary yet: call fit(training texts) or load a fitted state_dict"
            )
        return padded([self._known(_words(text)) for text in checked(raw, "tfidf")])

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) → (B, words) at length 1; zero for a text without known words."""
        numbers, mask = inputs["input_ids"], inputs["attention_mask"]
        counts = self.idf.new_zeros(len(numbers), self.dim)
        return unit(counts.scatter_add(1, numbers, mask.to(counts.dtype)) * self.idf)

    def get_extra_state(self) -> Tensor:
        """The vocabulary, as bytes."""
        return bytes_of(json.dumps(list(self._numbers), ensure_ascii=False))

    def set_extra_state(self, state: Tensor) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self._numbers = {word: number for number, word in enumerate(json.loads(text_of(state)))}

    def _known(self, words: Sequence[str]) -> list[int]:
        return [self._numbers[word] for word in words if word in self._numbers]


def tfidf(*, words: Annotated[int, Field(ge=1)] = 3000) -> Encoder:
    """TF-IDF over the training texts' most frequent words, (B, words); not trained.

    Args:
        words: words that count.
    """
    return Tfidf(words)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
