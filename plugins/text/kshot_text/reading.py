"""Texts as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from kshot.files import read_text
from kshot.interfaces import Presentation, Reader

from kshot_text.texts import decode, present


@final
class TextReader(Reader):
    """A string is the text itself; a ``Path`` is a file in UTF-8."""

    suffixes = (".txt",)
    unit = "characters"
    most = 10_000

    def read(self, given: Any) -> str:
        """A string or a path → a raw text."""
        if isinstance(given, Path):
            return decode(read_text(given))
        if not isinstance(given, str):
            raise ValueError(f"a {type(given).__name__} is neither a text nor the path of one")
        return decode(str(given))

    def decode(self, content: bytes, most: float) -> str:
        """A text in UTF-8 → a raw text."""
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError("not a text in UTF-8") from error
        if len(text) > most:
            raise ValueError(f"{len(text):,} characters are more than {most:,.0f}")
        return decode(text, most)

    def present(self, raw: str) -> Presentation:
        """The text itself."""
        return present(raw)
