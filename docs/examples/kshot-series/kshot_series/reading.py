"""Series as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from kshot.interfaces import Presentation, Reader

from kshot_series import drawing
from kshot_series.series import Series, checked, decode

SUFFIXES = (".csv", ".tsv", ".txt")


@final
class SeriesReader(Reader):
    """A path (``str`` or ``Path``) of a CSV file, or numbers: a list, an array, a tensor (n,) or (n, channels)."""

    suffixes = SUFFIXES
    unit = "characters"
    most = 1_000_000

    def read(self, given: Any) -> Series:
        """One of these → (n, channels)."""
        if isinstance(given, str | Path):
            return decode(Path(given).read_text(encoding="utf-8-sig"))
        return checked(given.detach().cpu() if hasattr(given, "detach") else given)

    def decode(self, content: bytes, most: float) -> Series:
        """A CSV file in UTF-8 → (n, channels)."""
        text = content.decode("utf-8-sig")
        if len(text) > most:
            raise ValueError(f"{len(text):,} characters are more than {most:,.0f}")
        return decode(text)

    def present(self, raw: Series) -> Presentation:
        """The curve."""
        return drawing.present(raw)
