"""Your own pictures: a table, or a folder with one sub-folder per class."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from kshot.interfaces import Source
from kshot.tables import DEFAULT_SPLIT, OnError, SplitOptions, table_source
from pydantic import Field

from kshot_image.pictures import MAX_PIXELS, decode, present
from kshot_image.rotations import Rotated

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


def image_table(
    *,
    path: str | list[str],
    image: str | list[str] = "image",
    label: str | list[str] = "label",
    split: SplitOptions = DEFAULT_SPLIT,
    class_groups: list[str] | None = None,
    example_groups: list[str] | None = None,
    files: str = "",
    on_error: OnError = "raise",
    out_of_scope: str | None = None,
    rotations: bool = False,
    max_pixels: Annotated[int, Field(gt=0, le=178_956_970)] = MAX_PIXELS,
) -> Source:
    """Pictures from Parquet, CSV, JSON Lines, class folders or the Hugging Face hub.

    Args:
        path: a table, a folder with one sub-folder per class, a hub id, or a list of these.
        image: column of the picture: a file's bytes, a ``{bytes, path}`` struct, or the path of
            a file; of several columns the first that a table has.
        label: column of the class; of several the first that a table has; of none all its rows are of one class.
        split: the classes of each split; default: fractions 0.6, 0.2, 0.2 under seed 0.
        class_groups: columns with one value per class (such as a superclass), for ``within``.
        example_groups: columns of the examples' groups (such as a photographer), for ``apart``. A
            folder has the columns ``folder``, below the class folder, and ``split``, its own name.
        files: folder from which relative paths in cells start, itself relative to the table.
        on_error: ``raise``, or ``skip``: examples that cannot be used are left out, counted and named.
        out_of_scope: label of the examples that belong to no class, by which rejection is tested (``evaluate.unknown:
            {out_of_scope: 25}``); none: there are none such.
        rotations: each class turned by 0, 90, 180 and 270 degrees makes four classes.
        max_pixels: of a picture; one of more is refused before it is unpacked. Pillow itself stops at
            178,956,970.
    """
    source = table_source(
        modality="image",
        path=path,
        content="bytes",
        media=image,
        label=label,
        split=split,
        decode=partial(decode, most=max_pixels),
        present=present,
        suffixes=SUFFIXES,
        class_groups=class_groups or (),
        example_groups=example_groups or (),
        files=files,
        on_error=on_error,
        out_of_scope=out_of_scope,
    )
    return Rotated(source) if rotations else source
