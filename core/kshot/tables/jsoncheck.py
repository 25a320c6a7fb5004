"""A pass over a file of JSON before it is read: the reader's own recursion ends the process where values nest deep."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from kshot.errors import DataError
from kshot.files import not_utf8
from kshot.tables.csvcheck import MAX_COLUMNS

MAX_DEPTH = 100
"""Of values in values, in one line: nobody's table is so deep, and some thousands overflow Arrow's stack."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def check_json(path: Path, name: str) -> Sequence[int]:
    """Refuse what the reader does not survive.

    Returns:
        The numbers of the lines that hold something, as editors count, which are those of its records; none of a
        file that is one list.

    Raises:
        DataError: not UTF-8, values nest too deep, or a record has too many keys.
    """
    lines, whole = array("q"), False
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            _check_encoding(line, number, name)
            if not line.isspace():
                whole = whole or (not lines and line.lstrip().startswith(b"["))
                lines.append(number)
            if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _depth(line) > MAX_DEPTH:
                raise DataError(f"{name} line {number}: values lie more than {MAX_DEPTH} deep in one another")
            if line.count(b'":') > MAX_COLUMNS and _keys(line) > MAX_COLUMNS:
                raise DataError(f"{name} line {number}: a record of more than {MAX_COLUMNS:,} keys")
    return () if whole else lines


def _check_encoding(line: bytes, number: int, name: str) -> None:
    try:
        line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} line {number}: {not_utf8(line)}") from error


def _depth(line: bytes) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(line):
        first = token[0][:1]
        if first != b'"':
            depth += 1 if first in b"[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _keys(line: bytes) -> int:
    """Of the largest mapping in a line; none where it is not JSON, which the reader tells."""
    try:
        return _most(json.loads(line))
    except ValueError:
        return 0


def _most(value: Any) -> int:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        return max([len(inside), *map(_most, inside.values())])
    return max(map(_most, cast("list[Any]", value)), default=0) if isinstance(value, list) else 0
