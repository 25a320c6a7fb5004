"""Raw texts: read from a table, shown to people, checked before an encoder takes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from kshot.errors import DataError
from kshot.interfaces import Presentation

MAX_CHARACTERS = 2_000_000
"""Of one text, as long as several novels; encoders look at the beginning of a text alone."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
"""Unicode's categories of spaces, of control characters, and of what has no width."""


def decode(content: str, most: float = MAX_CHARACTERS) -> str:
    """A table's cell as a raw text.

    Args:
        content: the cell.
        most: characters that it may have.

    Raises:
        ValueError: it is longer, or there is nothing in it to read: no text, or spaces, control characters and marks
            of no width alone.
    """
    if len(content) > most:
        raise ValueError(
            f"{len(content):,} characters are more than {most:,.0f}; cut it (a table of texts takes longer ones "
            "by its option max_characters)"
        )
    if all(unicodedata.category(character) in _INVISIBLE for character in content):
        raise ValueError("the text is empty" if not content.strip() else "the text shows no character")
    return content


def present(text: str) -> Presentation:
    """A text as a UTF-8 text file."""
    return Presentation("text/plain", text.encode(errors="replace"))


def checked(raw: Sequence[Any], who: str) -> list[str]:
    """The raw examples as a list, once all of them are texts.

    Args:
        raw: B raw examples.
        who: name of the encoder, for messages.

    Raises:
        DataError: an example is not a string, or not one that a tokenizer takes.
    """
    texts = list(raw)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise DataError(f"{who}: example {number} of the batch is a {kind}, not a str; check the source")
        half = _SURROGATE.search(text)
        if half is not None:
            raise DataError(
                f"{who}: example {number} of the batch has half a character (U+{ord(half[0]):04X}) at place "
                f"{half.start()}; it was not read as the encoding that it was written in"
            )
    return texts
