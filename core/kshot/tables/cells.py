"""Values of table cells: names as text, media as bytes or as the path of a file."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any, cast


def name_of(value: Any) -> str | None:
    """A cell as a name, None where it is missing; numbers and booleans as a user would write them.

    Raises:
        TypeError: a value that is no name, such as a list.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int | decimal.Decimal | datetime.date):
        return str(value)
    raise TypeError(f"holds a {type(value).__name__}, not a text or a number")


def media_of(value: Any) -> bytes | str | None:
    """A media cell as the file's bytes or its path, None where it is missing.

    Raises:
        TypeError: neither bytes, nor a path, nor a struct of the two.
    """
    if isinstance(value, dict):
        struct = cast("dict[str, Any]", value)
        if not {"bytes", "path"} & struct.keys():
            raise TypeError(f"holds a struct of {', '.join(struct)}, not of bytes and path")
        data = struct.get("bytes")
        value = struct.get("path") if data is None else data
    if value is None or isinstance(value, bytes):
        return value or None
    if isinstance(value, str):
        return value.strip() or None
    raise TypeError(f"holds a {type(value).__name__}, not bytes, a {{bytes, path}} struct or a file's path")
