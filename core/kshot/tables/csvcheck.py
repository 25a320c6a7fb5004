"""A pass over a CSV file before it is read: readers guess where its rows do not fit its header."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kshot.errors import DataError

MAX_COLUMNS = 5_000
"""Of a table; the libraries below take seconds for each thousand."""


def separator_of(path: Path) -> str:
    """What separates a file's columns: a comma, or where its first line has none a semicolon (as spreadsheets
    write it where the comma is the decimal sign) or a tab."""
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        header = stream.readline(2**20)
    return next((sign for sign in (",", ";", "\t") if sign in header), ",")


def check_csv(path: Path, name: str, separator: str) -> tuple[list[str], int]:
    """The header's columns and the number of rows; every row has as many fields as the header.

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
        raise DataError(f"{name}: not UTF-8 text ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{name}: cannot be read as CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)


def _check(reader: Iterator[list[str]], name: str) -> tuple[list[str], int]:
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
    rows = (fields for fields in reader if fields)  # blank lines are no rows
    row = -1
    for row, fields in enumerate(rows):
        if len(fields) != len(columns):
            raise DataError(
                f"{name} row {row} has {len(fields)} fields where the header has {len(columns)}; "
                "put quotes around a field that contains the separator"
            )
    if row < 0:
        raise DataError(f"{name}: the table has no rows")
    return columns, row + 1
