"""A pass over a CSV file before it is read: readers guess where its rows do not fit its header."""

from __future__ import annotations

import csv
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from kshot.errors import DataError
from kshot.files import not_utf8

MAX_COLUMNS = 5_000
"""Of a table; the libraries below take seconds for each thousand."""


class _Reader(Iterator[list[str]], Protocol):
    """What ``csv.reader`` returns; its type has no name that can be written."""

    @property
    def line_num(self) -> int:
        """Number of the line that was read last."""
        ...


def separator_of(path: Path) -> str:
    """What separates a file's columns: a comma, or where its first line has none a semicolon (as spreadsheets
    write it where the comma is the decimal sign) or a tab."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        header = stream.readline(2**20)
    return next((sign for sign in (",", ";", "\t") if sign in header), ",")


def check_csv(path: Path, name: str, separator: str) -> tuple[list[str], Sequence[int]]:
    """The header's columns, and for each row the number of the line on which it begins, as editors count;
    every row has as many fields as the header.

    Without this, a row with too many fields silently shifts columns and one with too few ends
    in empty cells.

    Raises:
        DataError: a row that does not fit, two columns of one name, no rows, or not UTF-8.
    """
    limit = csv.field_size_limit(sys.maxsize)  # documents may be long
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _check(csv.reader(stream, delimiter=separator), name)
    except UnicodeDecodeError as error:
        with path.open("rb") as stream:
            raise DataError(f"{name}: {not_utf8(stream.read(4))}") from error
    except csv.Error as error:
        raise DataError(f"{name}: cannot be read as CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _check(reader: _Reader, name: str) -> tuple[list[str], Sequence[int]]:
    none: list[str] = []
    header = next(reader, none)
    columns = [column.strip() or f"column {number}" for number, column in enumerate(header)]
    if len(columns) > MAX_COLUMNS:
        raise DataError(
            f"{name}: {len(columns):,} columns; up to {MAX_COLUMNS:,} are read, leave out what is not used"
        )
    twice = sorted(column for column, count in Counter(columns).items() if count > 1)
    if twice:
        raise DataError(f"{name}: two columns are named '{twice[0]}'; rename one")
    lines = array("q")
    line = reader.line_num + 1
    for fields in reader:
        if len(fields) not in (0, len(columns)):
            raise DataError(
                f"{name} line {line} has {len(fields)} fields where the header has {len(columns)}; "
                "put quotes around a field that contains the separator"
            )
        if fields:  # blank lines are no rows
            lines.append(line)
        line = reader.line_num + 1
    if not lines:
        raise DataError(f"{name}: the table has no rows")
    return columns, lines
