"""One file or folder of a table source, and what the user asked for in it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kshot.errors import MAX_UNUSABLE, DataError, itemised
from kshot.files import read_bytes, read_text


@dataclass(frozen=True)
class Layout:
    """Where content and class of an example stand.

    Attributes:
        content: ``"bytes"`` of a media file, or ``"text"``.
        media: columns of the content: the first that a table has.
        label: columns of the class: the first that a table has; of none all rows of a table are of one class.
        suffixes: lower-case endings, with their dot, of the files that count in a class folder.
        files: folder from which relative paths in cells start, itself relative to the table.
    """

    content: Literal["bytes", "text"]
    media: tuple[str, ...]
    label: tuple[str, ...]
    suffixes: tuple[str, ...]
    files: str = ""


class Part(ABC):
    """Rows 0 … n-1 of one file or folder.

    Attributes:
        name: the file or folder as the user wrote it.
        folder: where files named beside it are looked for.
        media: its column of the content, for messages.
        label: its column of the class, for messages.
        empty: classes without an example.
        notes: what a user should know of it, one line each.
    """

    name: str
    folder: Path
    media: str
    label: str
    empty: Sequence[str] = ()
    notes: Sequence[str] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows n."""

    @abstractmethod
    def labels(self) -> list[str | None]:
        """Class of each row, None where it is missing."""

    @abstractmethod
    def column(self, name: str) -> list[str | None]:
        """Another column as text, None where a value is missing.

        Raises:
            DataError: there is no such column, or its values are no names.
        """

    @abstractmethod
    def inspect(self, rows: Sequence[int]) -> str:
        """Content version; before that, look for missing content in these rows, without decoding.

        The version depends on neither time nor place, so two machines agree on it.

        Raises:
            DataError: rows without content; the message names them.
        """

    @abstractmethod
    def key(self, row: int) -> str:
        """Name of a row's example, unique in its class and the same on every machine."""

    @abstractmethod
    def place(self, row: int, column: str) -> str:
        """A cell, for messages."""

    @abstractmethod
    def read(self, row: int) -> bytes | str:
        """Content of a row: the bytes of its media file, or its text.

        Raises:
            DataError: the content is missing or cannot be read.
        """


def refuse(name: str, kind: str, problems: Sequence[str]) -> None:
    """Raise, where there are any, all problems of a part ``name`` at once; ``kind`` says what cannot be used.

    Raises:
        DataError: one problem by itself, several as a list.
    """
    if len(problems) > 1:
        raise DataError(itemised(f"{name}: {len(problems)} {kind} cannot be used", problems, MAX_UNUSABLE))
    if problems:
        raise DataError(problems[0])


def read_file(path: Path, content: Literal["bytes", "text"], place: str) -> bytes | str:
    """The content of one example's own file.

    Raises:
        DataError: it cannot be read, or is empty; the message begins with ``place``, which names it.
    """
    try:
        data = read_bytes(path) if content == "bytes" else read_text(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{place} cannot be read: {reason}") from error
    if not (data if isinstance(data, bytes) else data.strip()):
        raise DataError(f"{place} is empty; mend or remove it")
    return data


def content_digest(content: bytes | str) -> str:
    """SHA-256 of an example's content, a text's as UTF-8, in hexadecimal digits."""
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).hexdigest()
