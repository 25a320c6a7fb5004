"""A source's examples told with their modality, for encoders of several."""

from __future__ import annotations

from typing import Any, final

from kshot.interfaces import Presentation, Sensed, Source, Split
from kshot.sampling import Catalogue


@final
class SensedSource(Source):
    """Another source's examples as :class:`~kshot.interfaces.Sensed`; all else is its own.

    Args:
        source: gives them.
    """

    def __init__(self, source: Source) -> None:
        self.modality, self.notes, self.skipped = source.modality, source.notes, source.skipped
        self._source = source

    def catalogue(self, split: Split) -> Catalogue:
        """The source's."""
        return self._source.catalogue(split)

    def fetch(self, row: int) -> Sensed:
        """The source's example, with its modality."""
        return Sensed(self.modality, self._source.fetch(row))

    def present(self, raw: Any) -> Presentation:
        """As the source does."""
        return self._source.present(raw.raw)

    def place(self, row: int) -> str:
        """As the source says."""
        return self._source.place(row)

    def digest(self, row: int) -> str | None:
        """As the source says."""
        return self._source.digest(row)
