"""Raw examples of the modality: an array (n, channels) of float32, finite, a step of time a row."""

from __future__ import annotations

import csv
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float32]
"""(n, channels): n steps of time."""

LARGEST = 1e15
"""Numbers beyond are refused: their squares leave float32."""


def checked(given: Any) -> Series:
    """Numbers as a series.

    Args:
        given: (n,) of one channel, or (n, channels).

    Raises:
        ValueError: it is empty, ragged, of other dimensions, or holds what is no usable number.
    """
    try:
        values = np.asarray(given)
    except ValueError as error:
        raise ValueError("its steps have different numbers of channels") from error
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{values.dtype} values are no numbers")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise ValueError(f"an array of shape {values.shape} is neither (n,) nor (n, channels)")
    if not values.size:
        raise ValueError("it is empty")
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity; fill or cut gaps first")
    if np.abs(values.astype(np.float64)).max() > LARGEST:
        raise ValueError(f"it holds a number beyond {LARGEST:g}; choose another unit")
    return values.astype(np.float32)


def decode(text: str) -> Series:
    """A CSV file's content, or a table's cell, as a series.

    A line is a step of time, its columns the channels; a single line is one channel, all its
    numbers steps. Commas, semicolons, tabs or spaces part numbers. A first line without any
    number is a heading.

    Raises:
        ValueError: with a short reason that names the line.
    """
    lines = [fields for line in text.splitlines() if (fields := _fields(line))]
    start = 1 if lines and not any(map(_is_number, lines[0])) else 0
    rows = [_numbers(fields, number) for number, fields in enumerate(lines[start:], start + 1)]
    if not rows:
        raise ValueError("it holds no numbers")
    if len(rows) == 1:
        return checked(rows[0])
    odd = next((i for i, row in enumerate(rows) if len(row) != len(rows[0])), None)
    if odd is not None:
        raise ValueError(f"line {odd + start + 1} has {len(rows[odd])} columns, not {len(rows[0])}")
    return checked(rows)


def _fields(line: str) -> list[str]:
    line = line.strip()
    mark = next((one for one in ",;\t" if one in line), None)
    if mark is None:
        return line.split()
    return [field.strip() for field in next(csv.reader([line], delimiter=mark))]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _numbers(fields: list[str], number: int) -> list[float]:
    odd = next((field for field in fields if not _is_number(field)), None)
    if odd is not None:
        raise ValueError(f"line {number}: '{odd[:20]}' is no number" if odd else f"line {number}: a gap")
    return [float(field) for field in fields]


def standardised(series: Series) -> Series:
    """Each channel with mean 0 and deviation 1; one that never changes becomes zero."""
    wide = series.astype(np.float64)
    centred = wide - wide.mean(0)
    deviation = centred.std(0)
    flat = deviation <= 1e-7 * np.abs(wide).max(0)  # what float32 leaves of a constant
    return cast("Series", np.where(flat, 0.0, centred / np.where(flat, 1.0, deviation)).astype(np.float32))
