"""A pass over a Parquet file before it is read: some kilobytes of it may stand for terabytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kshot.errors import DataError
from kshot.tables.csvcheck import MAX_COLUMNS
from kshot.tables.libraries import import_arrow, import_parquet

MAX_ROWS = 10_000_000
"""Of one file; their classes and keys are held in memory."""
MAX_UNPACKED = 4 * 2**30
"""Bytes that a file may always unpack to."""
MAX_RATIO = 100
"""A larger file may unpack to so many times its size."""
_BATCH = 1024
"""Rows at a time: where they are pictures, more fill memory."""


def check_parquet(path: Path, name: str) -> None:
    """Refuse what would fill memory or disk.

    A value that repeats is stored once, in a column's dictionary, so the sizes that the file tells are not
    those of what it unpacks to; columns with a dictionary are read as numbers and looked up here.

    Raises:
        DataError: too many rows or columns, or too much to unpack.
    """
    parquet = import_parquet()
    try:
        file = parquet.ParquetFile(path)
        found = file.metadata
    except Exception:  # the reader says what is wrong with it
        return
    if found.num_columns > MAX_COLUMNS:
        raise DataError(f"{name}: {found.num_columns:,} columns; up to {MAX_COLUMNS:,} are read")
    if found.num_rows > MAX_ROWS:
        raise DataError(
            f"{name}: {found.num_rows:,} rows; up to {MAX_ROWS:,} are read, so divide it into several tables"
        )
    limit = max(MAX_UNPACKED, MAX_RATIO * path.stat().st_size)
    total = sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))
    if total <= limit:
        total += _repeated(path, found, limit)
    if total > limit:
        raise DataError(
            f"{name}: unpacks to more than {limit / 2**30:,.0f} GiB, many times what is stored; write it without "
            "such repetition"
        )


def _repeated(path: Path, found: Any, limit: int) -> int:
    """Bytes of all values that are stored as numbers of a dictionary's; counted no further than the limit."""
    arrow, compute = import_arrow()
    parquet, total = import_parquet(), 0
    # Of a row group alone: to ask for one of its columns ends the process where what is told of it is damaged.
    known = [found.schema.column(number) for number in range(found.num_columns)]
    columns = [one.path for one in known if one.physical_type == "BYTE_ARRAY"]
    for group in range(found.num_row_groups):
        told = found.row_group(group)
        # Even were every value as long as all that is stored, it would do no harm.
        if told.num_rows * told.total_byte_size <= MAX_UNPACKED // 8:
            continue
        for column in columns:
            file = parquet.ParquetFile(path, read_dictionary=[column])
            for part in file.iter_batches(_BATCH, [group], [column]):
                total += sum(_bytes(one, arrow, compute) for one in part.columns)
                if total > limit:
                    return total
    return total


def _bytes(column: Any, arrow: Any, compute: Any) -> int:
    if arrow.types.is_struct(column.type):
        return sum(_bytes(one, arrow, compute) for one in column.flatten())
    if not arrow.types.is_dictionary(column.type):
        return 0  # in a list or map: not read
    lengths = compute.binary_length(column.dictionary).take(column.indices)
    return compute.sum(lengths.cast("int64")).as_py() or 0
