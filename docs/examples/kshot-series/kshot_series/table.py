"""Source ``series_table``: a user's own curves."""

from __future__ import annotations

from kshot.interfaces import Source
from kshot.tables import DEFAULT_SPLIT, OnError, SplitOptions, table_source

from kshot_series.drawing import present
from kshot_series.reading import SUFFIXES
from kshot_series.series import decode


def series_table(
    *,
    path: str | list[str],
    values: str | list[str] = "values",
    label: str | list[str] = "label",
    split: SplitOptions = DEFAULT_SPLIT,
    class_groups: list[str] = [],  # noqa: B006  (options are never written to)
    example_groups: list[str] = [],  # noqa: B006
    on_error: OnError = "raise",
) -> Source:
    """Curves from a folder with one sub-folder of CSV files per class, or from a table (CSV, Parquet, JSON Lines).

    A file has a step of time in each line, a channel in each column, and may begin with a heading.
    A table has a curve in each row, its numbers as text in one column: ``"0.1 0.4 0.3"``.

    Args:
        path: a table, a folder, or a list of these.
        values: column of the numbers; of several the first that a table has.
        label: column of the class; of several the first that a table has.
        split: the classes of each split; default: fractions 0.6, 0.2, 0.2 under seed 0.
        class_groups: columns with one value per class (such as a machine's type), for ``within``.
        example_groups: columns of the examples' groups (such as a patient), for ``apart``. A folder has
            the columns ``folder``, below the class folder, and ``split``, its own name.
        on_error: ``raise``, or ``skip``: curves that cannot be used are left out, counted and named.
    """
    return table_source(
        modality="series",
        path=path,
        content="text",
        media=values,
        label=label,
        split=split,
        decode=decode,
        present=present,
        suffixes=SUFFIXES,
        class_groups=class_groups,
        example_groups=example_groups,
        on_error=on_error,
    )
