"""The source made of tables: rows into catalogues, contents into raw examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final

from kshot.errors import DataError, listing
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue
from kshot.splits import SplitOptions
from kshot.tables.catalogues import build_catalogues
from kshot.tables.part import Layout, content_digest
from kshot.tables.reading import open_parts
from kshot.tables.rows import Rows
from kshot.tables.screening import OnError, Skipping, Strict


def table_source(
    *,
    modality: str,
    path: str | list[str],
    content: Literal["bytes", "text"],
    media: str | Sequence[str],
    label: str | Sequence[str],
    split: SplitOptions | None,
    decode: Callable[[Any], Any],
    present: Callable[[Any], Presentation],
    suffixes: tuple[str, ...],
    class_groups: Sequence[str] = (),
    example_groups: Sequence[str] = (),
    files: str = "",
    on_error: OnError = "raise",
    out_of_scope: str | None = None,
) -> Source:
    """A source from a user's own tables or folders.

    Args:
        modality: of the raw examples.
        path: a Parquet, CSV (also TSV) or JSON Lines file, a folder with one sub-folder per class,
            a hub id (``hub:owner/name``, ``hub:owner/name:configuration``; the prefix may be left
            out), or a list of these, whose rows are joined. A hub data set's own splits stand in
            the column ``split``, as does a folder's name; a folder's column ``folder`` says where
            a file lies below its class folder.
        content: what ``decode`` takes: the bytes of a media file, or text.
        media: column of the media or text; of several the first that a table has. A media cell
            holds bytes, a ``{bytes, path}`` struct, or the path of a file, absolute or relative to
            the table.
        label: column of the class: text, number, boolean or ClassLabel; of several the first that
            a table has; of none all rows of a table are of one class.
        split: the classes of each split; None: :data:`DEFAULT_SPLIT`.
        decode: content → raw example; a module's function, which raises ValueError or OSError with a
            short reason.
        present: raw example → drawing for people.
        suffixes: endings of the files that count in class folders, in any case.
        class_groups: columns with one value per class.
        example_groups: columns of the examples' groups.
        files: folder from which relative paths in cells start, itself relative to the table.
        on_error: what becomes of examples that cannot be used; see :data:`OnError`.
        out_of_scope: the label of examples that belong to no class; none: there are none such.

    Raises:
        DataError: data that cannot serve; the message names file and row, column or class.
        KshotError: a table, and ``datasets`` is not installed.
    """
    endings = tuple(suffix.lower() for suffix in suffixes)
    paths = [path] if isinstance(path, str) else path
    if not paths:
        raise DataError("an empty list of paths; name a table or a folder at least")
    if not media:
        raise DataError("an empty list of columns; name one at least")
    parts = open_parts(paths, Layout(content, _columns(media), _columns(label), endings, files))
    table = listing((part.name for part in parts), 3)
    rows = Rows(parts)
    screen = Skipping(decode) if on_error == "skip" else Strict()
    for part in parts:
        if part.empty:
            screen.lose(f"{part.name}: class folders without a file ending in {listing(endings)}", part.empty)
    catalogues, outside = build_catalogues(
        rows, table, parts[0].folder, split, class_groups, example_groups, screen, out_of_scope
    )
    screen.warn(table, sum(len(one) for one in (*catalogues.values(), outside or ())))
    notes = [note for part in parts for note in part.notes]
    return TableSource(modality, rows, table, catalogues, decode, present, screen.skipped(), outside, notes)


def _columns(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@final
class TableSource(Source):
    """Rows of one or more files and folders.

    Args:
        modality: of the raw examples.
        rows: of all of them.
        name: of them all, for messages.
        catalogues: of the splits that have rows.
        decode: content → raw example.
        present: raw example → drawing.
        skipped: what is wrong with each example that is left out.
        outside: examples that belong to no class.
        notes: what a user should know of them, one line each.
    """

    def __init__(
        self,
        modality: str,
        rows: Rows,
        name: str,
        catalogues: Mapping[Split, Catalogue],
        decode: Callable[[Any], Any],
        present: Callable[[Any], Presentation],
        skipped: Sequence[str] = (),
        outside: Catalogue | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.modality = modality
        self.notes = notes
        self.skipped = skipped
        self._rows = rows
        self._name = name
        self._catalogues = dict(catalogues)
        self._decode = decode
        self._present = present
        self._outside = outside

    def catalogue(self, split: Split) -> Catalogue:
        if split not in self._catalogues:
            raise DataError(f"{self._name}: the {split} split has no classes; give it some in `split`")
        return self._catalogues[split]

    def out_of_scope(self) -> Catalogue | None:
        return self._outside

    def fetch(self, row: int) -> Any:
        return self._rows.decoded(row, self._rows.read(row), self._decode)

    def present(self, raw: Any) -> Presentation:
        return self._present(raw)

    def place(self, row: int) -> str:
        return self._rows.place(row)

    def digest(self, row: int) -> str:
        return content_digest(self._rows.read(row))
