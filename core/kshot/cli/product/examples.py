"""What ``kshot fit`` learns from: a folder with one sub-folder per class, or a table with a column of labels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from kshot.classifier.parts import build_reader, modality_of
from kshot.cli.product.items import files
from kshot.errors import (
    MAX_UNUSABLE,
    DataError,
    KshotError,
    MissingColumnError,
    PluginError,
    itemised,
    listing,
)
from kshot.interfaces import Source
from kshot.making import make_reader
from kshot.options import OptionsOf
from kshot.registry import Registry, load_registry
from kshot.results.text import printable
from kshot.tables.folder import files_below

_OF_CLASSES = ("label", "split", "class_groups", "example_groups", "out_of_scope")
"""Options of a table's source that say what its classes are."""

_BY_OPTION = "name it by --set data.{option}=COLUMN"
_BY_OPTION_TOO = "name it beside DATA's own by --set data.{option}=[{expected},COLUMN]"


@dataclass(frozen=True, eq=False)
class Examples:
    """n examples.

    Attributes:
        things: what a classifier is given.
        labels: their classes; none of things that have no class.
        places: where each lies, for messages.
        digests: of each one's content; none: not known, or a text, of which a classifier sees itself where it
            stands twice.
    """

    things: Sequence[Any]
    labels: Sequence[str]
    places: Sequence[str]
    digests: Sequence[str | None]


def examples_of(encoder: str, data: str, options: Mapping[str, Any]) -> Examples:
    """All examples of a folder or a table.

    Args:
        encoder: as a configuration writes it; its modality says what is read.
        data: the folder or the table.
        options: of the source that reads it.

    Raises:
        KshotError: it is of another modality, or some cannot be read; names them.
    """
    return _read(encoder, data, options, _BY_OPTION)


def _read(encoder: str, data: str, options: Mapping[str, Any], mend: str) -> Examples:
    """All examples of a folder or a table; ``mend``: of a column that is missing."""
    source = _opened(load_registry(), encoder, data, options, mend)
    for note in source.notes:
        typer.echo(printable(note), err=True)
    catalogue = source.catalogue("train")
    things: list[Any] = []
    problems: list[str] = []
    for row in catalogue.rows:
        try:
            things.append(source.fetch(int(row)))
        except DataError as error:
            problems.append(str(error))
    if problems:
        title = (
            f"{data}: {len(problems)} of {len(catalogue)} examples cannot be used; mend or remove them, or leave them "
            "out by --set data.on_error=skip"
        )
        raise DataError(itemised(title, problems, MAX_UNUSABLE))
    labels = [catalogue.classes[number] for number in catalogue.labels]
    rows = catalogue.rows.tolist()
    digests = [
        None if isinstance(thing, str) else source.digest(row)
        for row, thing in zip(rows, things, strict=True)
    ]
    return Examples(things, labels, [source.place(row) for row in rows], digests)


def strangers_of(encoder: str, given: str, options: Mapping[str, Any]) -> Examples:
    """Things of no class: all files of a folder, however deep, or all of a table.

    Of a table the column of media alone is read.

    Args:
        encoder: as :func:`examples_of` has it.
        given: the folder or the table.
        options: of the source that reads the classes' examples; those that are about classes do not count.

    Raises:
        KshotError: as :func:`examples_of`.
    """
    registry = load_registry()
    modality = modality_of(registry, encoder)
    if Path(given).is_dir():
        found = files(given, build_reader(registry, modality))
        return Examples(
            [item.thing for item in found], (), [item.name for item in found], [None] * len(found)
        )
    own = {option: value for option, value in options.items() if option not in _OF_CLASSES}
    return _read(encoder, given, {**own, "label": []}, _BY_OPTION_TOO)


def _opened(registry: Registry, encoder: str, data: str, options: Mapping[str, Any], mend: str) -> Source:
    modality = modality_of(registry, encoder)
    factory = registry.find("sources", f"{modality}_table").resolve()
    values = {"path": data, "split": {"fractions": [1, 0, 0]}, **options}
    arguments = OptionsOf(factory).resolve(values, "data").arguments
    try:
        return factory(**arguments)
    except MissingColumnError as error:
        raise KshotError(
            f"{error}{_naming(error, arguments, mend)}{_of_columns(registry, encoder, error)}"
        ) from error
    except DataError as error:
        if other := _of_files(registry, encoder, Path(data).expanduser()):
            raise KshotError(f"{data} {other}") from error
        raise


def _naming(error: MissingColumnError, arguments: Mapping[str, Any], mend: str) -> str:
    """How a column is named by its option."""
    for option, value in arguments.items():
        if error.column == value or (isinstance(value, list) and error.column in value):
            expected = value if isinstance(value, str) else ",".join(value)
            return f"; {mend.format(option=option, expected=expected)}"
    return ""


def _of_columns(registry: Registry, encoder: str, error: MissingColumnError) -> str:
    """What to do where a table has the column of another modality in place of the encoder's own."""
    modality = modality_of(registry, encoder)
    for other in registry.modalities():
        if error.column == modality and other in error.known:
            return f", or take another encoder: {_mismatch(registry, encoder, other)}"
    return ""


def _of_files(registry: Registry, encoder: str, folder: Path) -> str:
    """What a folder holds where its files are of another modality than the encoder's; else nothing."""
    own = modality_of(registry, encoder)
    there = files_below(folder, ()).others
    counts: dict[str, int] = {}
    for entry in registry.entries("readers"):
        with contextlib.suppress(PluginError):  # what cannot be imported reads nothing here
            counts[entry.modality] = sum(there[suffix] for suffix in make_reader(entry).suffixes)
    most = max(counts, key=lambda modality: counts[modality], default=own)
    if counts.get(own) or not counts.get(most):
        return ""
    return f"holds {counts[most]} {most} files, and {_mismatch(registry, encoder, most)}"


def _mismatch(registry: Registry, encoder: str, other: str) -> str:
    fitting = [one.spec.written for one in registry.entries("encoders") if one.modality == other]
    return f"'{encoder}' reads {modality_of(registry, encoder)}; encoders for {other}: {listing(fitting)}"
