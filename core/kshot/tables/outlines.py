"""What the cells of a media column hold, told without reading their bytes."""

from __future__ import annotations

from typing import Any

from kshot.tables.libraries import import_arrow


def outlines(column: Any) -> list[bool | str | None]:
    """For each cell True where it holds bytes, else the path in it, else None.

    Args:
        column: a ``pyarrow.ChunkedArray`` of bytes, of paths, or of structs with ``bytes``,
            ``path`` or both.

    Raises:
        TypeError: a column of another type.
    """
    arrow, compute = import_arrow()
    kinds = arrow.types
    inside = paths = None
    if kinds.is_struct(column.type):
        names = {field.name for field in column.type}
        inside = compute.struct_field(column, "bytes") if "bytes" in names else None
        paths = compute.struct_field(column, "path") if "path" in names else None
    elif kinds.is_string(column.type) or kinds.is_large_string(column.type):
        paths = column
    else:
        inside = column
    if inside is None and paths is None:
        raise TypeError(_unfit(column.type))
    outside: list[Any] = [None] * len(column) if paths is None else _paths(paths)
    if inside is None:
        return outside
    return [held or path for held, path in zip(_held(inside), outside, strict=True)]


def _paths(column: Any) -> list[Any]:
    return [path.strip() or None if path else None for path in column.to_pylist()]


def _held(column: Any) -> list[bool | None]:
    arrow, compute = import_arrow()
    if arrow.types.is_null(column.type):
        return [None] * len(column)
    if not (arrow.types.is_binary(column.type) or arrow.types.is_large_binary(column.type)):
        raise TypeError(_unfit(column.type))
    return compute.greater(compute.binary_length(column), 0).to_pylist()


def _unfit(kind: Any) -> str:
    return f"holds {kind}; expected a file's bytes, a {{bytes, path}} struct, or a file's path"
