"""Reads what people have of several modalities."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from kshot.errors import listing, nearest
from kshot.interfaces import Presentation, Reader, Sensed


@final
class MixedReader(Reader):
    """Files by their endings; anything else as ``(modality, thing)``.

    Args:
        readers: by modality, one at least.
    """

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        self._readers = readers
        self.suffixes = [suffix for reader in readers.values() for suffix in reader.suffixes]
        self.unit, self.most = "bytes", 0.0

    def read(self, given: Any) -> Sensed:
        """A path, ``Sensed``, or a pair of modality and thing → the raw example with its modality.

        Raises:
            ValueError: it does not tell its modality, or its modality's reader cannot use it.
            OSError: a file cannot be read.
        """
        modality, thing = self._told(given)
        if modality not in self._readers:
            raise ValueError(
                f"there is no modality '{modality}'{nearest(modality, self._readers)} (there are: "
                f"{listing(self._readers)})"
            )
        return Sensed(modality, self._readers[modality].read(thing))

    def decode(self, content: bytes, most: float) -> Any:
        """Bytes alone do not tell their modality.

        Raises:
            ValueError: always.
        """
        raise ValueError("a classifier across modalities takes no uploads: bytes do not tell their modality")

    def present(self, raw: Sensed) -> Presentation:
        """As the reader of its modality does."""
        return self._readers[raw.modality].present(raw.raw)

    def _told(self, given: Any) -> tuple[str, Any]:
        if isinstance(given, Sensed):
            return given.modality, given.raw
        if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
            return given
        if isinstance(given, Path):
            ending = given.suffix.lower()
            fitting = [name for name, reader in self._readers.items() if ending in reader.suffixes]
            if len(fitting) == 1:
                return fitting[0], given
        raise ValueError(
            f"it does not tell its modality; give (modality, thing), the modality one of {listing(self._readers)}"
        )
