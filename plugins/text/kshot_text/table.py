"""Your own texts: a table, or a folder with one sub-folder of text files per class."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from kshot.interfaces import Source
from kshot.tables import DEFAULT_SPLIT, OnError, SplitOptions, table_source
from pydantic import Field

from kshot_text.texts import MAX_CHARACTERS, decode, present


def text_table(
    *,
    path: str | list[str],
    text: str | list[str] = "text",
    label: str | list[str] = "label",
    split: SplitOptions = DEFAULT_SPLIT,
    class_groups: list[str] = [],  # noqa: B006  (options are never written to)
    example_groups: list[str] = [],  # noqa: B006
    on_error: OnError = "raise",
    out_of_scope: str | None = None,
    max_characters: Annotated[int, Field(gt=0)] = MAX_CHARACTERS,
) -> Source:
    """Texts from Parquet, CSV, JSON Lines, class folders of .txt files or the Hugging Face hub.

    Args:
        path: a table, a folder with one sub-folder per class, a hub id, or a list of these.
        text: column of the text; of several the first that a table has.
        label: column of the class; of several the first that a table has; of none all its rows are of one class.
        split: the classes of each split; default: fractions 0.6, 0.2, 0.2 under seed 0.
        class_groups: columns with one value per class (such as a domain), for ``within``.
        example_groups: columns of the examples' groups (such as an author), for ``apart``. A folder
            has the columns ``folder``, below the class folder, and ``split``, its own name.
        on_error: ``raise``, or ``skip``: examples that cannot be used are left out, counted and named.
        out_of_scope: label of the examples that belong to no class, by which rejection is tested (``evaluate.unknown:
            {out_of_scope: 25}``); none: there are none such.
        max_characters: of a text; a longer one is refused.
    """
    return table_source(
        modality="text",
        path=path,
        content="text",
        media=text,
        label=label,
        split=split,
        decode=partial(decode, most=max_characters),
        present=present,
        suffixes=(".txt",),
        class_groups=class_groups,
        example_groups=example_groups,
        on_error=on_error,
        out_of_scope=out_of_scope,
    )
