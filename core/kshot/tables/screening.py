"""What becomes of examples that cannot serve: the first is fatal, or all are skipped and told."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, final

from kshot.errors import DataError, listing
from kshot.tables.decoded import DecodedContents
from kshot.tables.part import content_digest
from kshot.tables.rows import Rows

log = logging.getLogger("kshot")

OnError = Literal["raise", "skip"]
"""What becomes of examples that cannot be used.

``raise``: opening a source looks for missing content only; what cannot be decoded is an error once
it is fetched. ``skip``: opening it decodes every example and leaves out those that cannot be used.
"""

CHUNK = 64
NAMED = 3
"""Skipped examples that the warning names; the source's ``skipped`` has all."""


class Screen(ABC):
    """Sorts out rows that cannot serve.

    Attributes:
        refused: what is wrong with each row that is left out.
        lost: classes that are left out, for want of an example.
    """

    def __init__(self) -> None:
        self.refused: dict[int, str] = {}
        self.lost: list[str] = []

    @abstractmethod
    def refuse(self, row: int, problem: str) -> None:
        """Hear that a row cannot serve."""

    @abstractmethod
    def lose(self, where: str, classes: Sequence[str]) -> None:
        """Hear of classes without an example; ``where`` says of which kind and begins a message."""

    @abstractmethod
    def sound(self, rows: Rows, wanted: Sequence[int]) -> list[int]:
        """Those of some rows whose content can serve."""

    def complete(
        self, rows: Rows, values: Sequence[str | None], wanted: Sequence[int], column: str | None = None
    ) -> list[int]:
        """Those of some rows that have a value in a column, by default in the class's."""
        for row in wanted:
            if values[row] is None:
                self.refuse(row, f"{rows.cell(row, column)}: the cell is empty; mend or remove the row")
        return [row for row in wanted if values[row] is not None]

    def skipped(self) -> tuple[str, ...]:
        """What is wrong with each row that is left out, in the rows' order."""
        return tuple(problem for _, problem in sorted(self.refused.items()))

    def warn(self, name: str, kept: int) -> None:
        """Tell in one warning what is left out of the data ``name``, if anything is; ``kept`` are not."""
        skipped = self.skipped()
        total = kept + len(skipped)
        lines = [f"{name}: skipped {len(skipped)} of {total} examples as unusable", *skipped[:NAMED]]
        if len(skipped) > NAMED:
            lines.append(f"and {len(skipped) - NAMED} more")
        if self.lost:
            lines.append(f"classes left out for want of an example: {listing(self.lost)}")
        if skipped or self.lost:
            log.warning("\n  ".join(lines))


@final
class Strict(Screen):
    """Raises a DataError over the first row or class that cannot serve; decodes nothing."""

    def refuse(self, row: int, problem: str) -> None:
        raise DataError(problem)

    def lose(self, where: str, classes: Sequence[str]) -> None:
        raise DataError(f"{where}: {listing(classes)}; fill or remove them")

    def sound(self, rows: Rows, wanted: Sequence[int]) -> list[int]:
        return list(wanted)


@final
class Skipping(Screen):
    """Decodes each example, and leaves out all that cannot serve.

    Args:
        decode: content → raw example; raises ValueError or OSError with a short reason.
    """

    def __init__(self, decode: Callable[[Any], Any]) -> None:
        super().__init__()
        self._decode = decode

    def refuse(self, row: int, problem: str) -> None:
        self.refused[row] = problem

    def lose(self, where: str, classes: Sequence[str]) -> None:
        self.lost += classes

    def sound(self, rows: Rows, wanted: Sequence[int]) -> list[int]:
        memory = DecodedContents(self._decode)

        def tried(start: int) -> list[str | DataError]:
            return [self._tried(rows, row, memory) for row in wanted[start : start + CHUNK]]

        with ThreadPoolExecutor() as pool:  # decoders of pictures and recordings let go of Python's lock
            chunks = pool.map(tried, range(0, len(wanted), CHUNK))
            found = [one for chunk in chunks for one in chunk]
        memory.add(one for one in found if isinstance(one, str))
        for row, one in zip(wanted, found, strict=True):
            if isinstance(one, DataError):
                self.refuse(row, str(one))
        return [row for row in wanted if row not in self.refused]

    def _tried(self, rows: Rows, row: int, memory: DecodedContents) -> str | DataError:
        """The hash of a content that can be decoded, or why it cannot."""
        try:
            content = rows.read(row)
            digest = content_digest(content)
            if digest not in memory:
                rows.decoded(row, content, self._decode)
        except DataError as error:
            return error
        return digest
