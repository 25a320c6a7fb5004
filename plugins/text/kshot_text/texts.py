"""Raw texts: read from a table, shown to people, checked before an encoder takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kshot.errors import DataError
from kshot.interfaces import Presentation


def decode(content: str) -> str:
    """A table's cell as a raw text.

    Raises:
        ValueError: there is nothing in it.
    """
    if not content.strip():
        raise ValueError("the text is empty")
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
        DataError: an example is not a string.
    """
    texts = list(raw)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise DataError(f"{who}: example {number} of the batch is a {kind}, not a str; check the source")
    return texts
