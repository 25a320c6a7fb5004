"""A table in Arrow, memory-mapped by Hugging Face ``datasets``."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, final

from kshot.errors import MAX_UNUSABLE, DataError, MissingColumnError, nearest
from kshot.tables.cells import media_of, name_of
from kshot.tables.libraries import import_datasets
from kshot.tables.outlines import outlines
from kshot.tables.part import Layout, Part, read_file, refuse

UNLABELLED = "unlabelled"
"""The class of all rows of a table of which no column is asked for the class."""

COMPARED = 200
"""Files of a folder that a missing one's name is compared with, at most."""


@final
class ArrowPart(Part):
    """Rows of one table.

    Args:
        dataset: a ``datasets.Dataset``.
        name: the table as the user wrote it.
        layout: its columns.
        folder: where the files that cells name by relative paths lie.
        digest: hash of the table's file; None for a table without a file of its own, whose
            cells are hashed instead.
        lines: of the table's file, on which each row begins, for messages; empty for a table without such.

    Raises:
        MissingColumnError: it has not a column.
        DataError: it has no rows.
    """

    def __init__(
        self,
        dataset: Any,
        name: str,
        layout: Layout,
        folder: Path,
        digest: str | None,
        lines: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._lines = lines
        self.folder = folder
        self._digest = digest
        self._layout = layout
        self._dataset = dataset
        if len(dataset) == 0:
            raise DataError(f"{name}: the table has no rows")
        self.media = self._first(layout.media)
        self.label = self._first(layout.label) if layout.label else self.media
        self._cells = _undecoded(dataset.select_columns([self.media]), self.media)

    def __len__(self) -> int:
        return len(self._dataset)

    def labels(self) -> list[str | None]:
        return self.column(self.label) if self._layout.label else [UNLABELLED] * len(self)

    def column(self, name: str) -> list[str | None]:
        self._require(name)
        values: list[Any] = self._dataset.select_columns([name])[:][name]
        names: list[str] | None = getattr(self._dataset.features[name], "names", None)
        if names is not None:  # a ClassLabel; -1 stands for a label that is not given
            return [None if value is None or value < 0 else names[value] for value in values]
        return self._convert(name_of, values, name)

    def inspect(self, rows: Sequence[int]) -> str:
        digest = hashlib.sha256(f"{self.media}\0{self._digest}\0".encode())
        contents, problems = self._outlines(), list[str]()
        for row in rows:
            content = contents[row]
            if content is None:
                problems.append(f"{self.place(row, self.media)}: the cell is empty; mend or remove the row")
            elif self._digest is None:
                data = self.read(row)
                digest.update(f"{len(data)}\0".encode())
                digest.update(data if isinstance(data, bytes) else data.encode())
            elif isinstance(content, str) and self._layout.content == "bytes":
                if found := self._file(content):
                    digest.update(f"{row}\0{found.stat().st_size}\n".encode())
                else:  # only of those that are shown the name is compared with what is there, which takes time
                    problems.append(self._absent(row, content) if len(problems) < MAX_UNUSABLE else "")
        refuse(self.name, "rows", problems)
        return digest.hexdigest()

    def key(self, row: int) -> str:
        return f"{row:012d}"

    def place(self, row: int, column: str) -> str:
        where = f"line {self._lines[row]}" if self._lines else f"row {row}"
        return f"{self.name} {where}, column '{column}'"

    def read(self, row: int) -> bytes | str:
        place = self.place(row, self.media)
        cell = self._cells[row][self.media]
        convert = name_of if self._layout.content == "text" else media_of
        try:
            content = convert(cell)
        except TypeError as error:
            raise DataError(f"{place} {error}") from error
        if content is None:
            raise DataError(f"{place}: the cell is empty; mend or remove the row")
        if isinstance(content, str) and self._layout.content == "bytes":
            path = self._find(row, content)
            return read_file(path, "bytes", f"{place}: {path}")
        return content

    def _first(self, columns: Sequence[str]) -> str:
        """The first of some columns that the table has."""
        known: list[str] = self._dataset.column_names
        found = next((column for column in columns if column in known), columns[0])
        self._require(found)
        return found

    def _require(self, column: str) -> None:
        known: list[str] = self._dataset.column_names
        if column not in known:
            raise MissingColumnError(self.name, column, known)

    def _convert(self, convert: Callable[[Any], Any], values: Sequence[Any], column: str) -> list[Any]:
        row = 0
        try:
            converted: list[Any] = []
            for row, value in enumerate(values):  # noqa: B007  (the message needs the row)
                converted.append(convert(value))
        except TypeError as error:
            raise DataError(f"{self.place(row, column)} {error}") from error
        return converted

    def _outlines(self) -> Sequence[str | bool | None]:
        """Each row's text; of media True for bytes in the cell, else the path; None if missing."""
        if self._layout.content == "text":
            return self._convert(name_of, self._cells[:][self.media], self.media)
        try:
            return outlines(self._cells.with_format("arrow")[:].column(0))
        except TypeError as error:
            raise DataError(f"{self.name}: column '{self.media}' {error}") from error

    def _find(self, row: int, path: str) -> Path:
        """The file that a row's cell names."""
        if found := self._file(path):
            return found
        raise DataError(self._absent(row, path))

    def _file(self, path: str) -> Path | None:
        """The file that a cell names; none: there is no such file."""
        found = self._path_of(path)
        with contextlib.suppress(OSError, ValueError):  # no name that a file could have
            return found if found.is_file() else None
        return None

    def _absent(self, row: int, path: str) -> str:
        """That there is no such file as a row's cell names."""
        found = self._path_of(path)
        with contextlib.suppress(OSError, ValueError):
            if found.is_dir():
                return f"{self.place(row, self.media)}: {found} is a folder; each row names a file of its own"
        return f"{self.place(row, self.media)}: no such file: {found}{nearest(found.name, _beside(found))}"

    def _path_of(self, path: str) -> Path:
        """A cell's path, absolute or relative to the table and the layout's ``files``."""
        path = path.strip()
        start = self.folder / Path(self._layout.files).expanduser()
        return start / (Path(path).expanduser() if path.startswith("~/") else path)


def _beside(path: Path) -> list[str]:
    """Names in a path's folder; none where there are too many to compare each missing file with."""
    try:
        if not path.parent.is_dir():
            return []
    except OSError:  # a name too long for one
        return []
    with os.scandir(path.parent) as entries:
        names = [entry.name for entry in islice(entries, COMPARED + 1)]
    return names if len(names) <= COMPARED else []


def _undecoded(dataset: Any, column: str) -> Any:
    """The dataset, its media column giving {bytes, path}: decoding is the plugins' work."""
    datasets = import_datasets()
    feature = dataset.features[column]
    for media in (datasets.Image, datasets.Audio):
        if isinstance(feature, media) and feature.decode:
            return dataset.cast_column(column, media(decode=False))
    return dataset
