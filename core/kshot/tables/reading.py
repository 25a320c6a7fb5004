"""From paths to parts: which reader a path needs, and one clear message where it has none."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kshot.errors import DataError, listing, nearest
from kshot.files import content_hash
from kshot.tables.arrow import ArrowPart
from kshot.tables.csvcheck import check_csv, separator_of
from kshot.tables.folder import FolderPart
from kshot.tables.jsoncheck import check_json
from kshot.tables.libraries import import_datasets, quiet_datasets
from kshot.tables.parquetcheck import check_parquet
from kshot.tables.part import Layout, Part

FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
"""Endings of tables' names, each with the reader that it needs."""

# What `datasets` says of a file without records, by format and release.
_NO_ROWS = ("corresponds to no data", "BatchSize must be greater than 0", "StopIteration")
_HUB_PREFIX = "hub:"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")


def open_parts(paths: Sequence[str], layout: Layout) -> list[Part]:
    """The parts that each of ``paths`` names, in order.

    Raises:
        DataError: a path that is missing, empty, or of an unknown kind.
    """
    seen: set[Path] = set()
    for path in paths:
        try:
            resolved = Path(path).expanduser().resolve()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ) as error:  # too long, a NUL, a user that is not there, a loop
            raise DataError(f"{path!r:.200} is no name of a file: {error}") from error
        if resolved in seen:
            raise DataError(f"{path} is named twice; its examples would be in support and query alike")
        seen.add(resolved)
    return [part for path in paths for part in _open_or_tell(path, layout)]


def _open_or_tell(name: str, layout: Layout) -> list[Part]:
    try:
        return _open(name, layout)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error


def _open(name: str, layout: Layout) -> list[Part]:
    if name.startswith(_HUB_PREFIX):
        return _open_hub(name.removeprefix(_HUB_PREFIX), layout)
    path = Path(name).expanduser()
    if path.is_dir():
        return [FolderPart(path, name, layout)]
    if path.is_file():
        return [_open_file(path, name, layout)]
    if path.parent.is_dir() or path.suffix.lower() in FORMATS or not _HUB_ID.fullmatch(name):
        raise DataError(_missing(path, name))
    return _open_hub(name, layout)


def _missing(path: Path, name: str) -> str:
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, beside)
    may_be_hub = _HUB_ID.fullmatch(name) and not near and path.suffix.lower() not in FORMATS
    hub = f" (for a data set of the hub write hub:{name})" if may_be_hub else ""
    place = "" if path.parent.is_dir() else f": there is no folder {path.parent}"
    return f"no such file or folder: {name}{hub}{place}{near}"


def _open_file(path: Path, name: str, layout: Layout) -> Part:
    builder = FORMATS.get(path.suffix.lower())
    if builder is None:
        raise DataError(f"{name}: unknown kind of table '{path.suffix}'; known are {listing(FORMATS)}")
    if path.stat().st_size == 0:
        raise DataError(f"{name}: the file is empty")
    digest = content_hash(path)
    if builder == "csv":
        dataset, lines = _load_csv(path, name, digest)
        return ArrowPart(dataset, name, layout, path.parent, digest, lines)
    lines: Sequence[int] = ()
    if builder == "json":
        lines = check_json(path, name)
    else:
        check_parquet(path, name)
    dataset = _load(builder, path, name, digest, {})
    return ArrowPart(dataset, name, layout, path.parent, digest, lines if len(lines) == len(dataset) else ())


def _load(builder: str, path: Path, name: str, digest: str, options: Mapping[str, Any]) -> Any:
    """A ``datasets.Dataset`` of one file."""
    with quiet_datasets() as datasets:
        try:
            return datasets.load_dataset(
                builder,
                digest[:32],  # the cache knows files by path and time only; this is content
                data_files=glob.escape(str(path)),  # else read as a pattern
                split="train",
                **options,
            )
        except Exception as error:  # whatever the readers below it raise on a bad file
            if system := _system(error):  # the file itself has been read by now
                raise DataError(
                    f"{name}: the cache of tables that `datasets` keeps, {datasets.config.HF_DATASETS_CACHE}, cannot "
                    f"be written: {system}; make room there, or set HF_DATASETS_CACHE to a folder that can be written"
                ) from error
            reason = _root(error)
            if any(sign in reason for sign in _NO_ROWS):
                raise DataError(f"{name}: the table has no rows") from error
            raise DataError(f"{name}: cannot be read as {builder}: {reason}") from error


def _load_csv(path: Path, name: str, digest: str) -> tuple[Any, Sequence[int]]:
    """Every column as text: a class '01' stays so, and a class 'NA' is no missing value; and each row's line."""
    separator = "\t" if path.suffix.lower() == ".tsv" else separator_of(path)
    columns, lines = check_csv(path, name, separator)
    datasets = import_datasets()
    options = {
        "sep": separator,
        "features": datasets.Features({column: datasets.Value("string") for column in columns}),
        "column_names": columns,
        "header": 0,
        "keep_default_na": False,
        "encoding": "utf-8-sig",
    }
    dataset = _load("csv", path, name, digest, options)
    if len(dataset) != len(lines):
        raise DataError(
            f"{name}: {len(lines)} rows or {len(dataset)}, as one takes its quotes; mend its quotes"
        )
    return dataset, lines


def _open_hub(name: str, layout: Layout) -> list[Part]:
    """One part for each split of a hub data set; the split's name is their column ``split``."""
    identifier, _, config = name.partition(":")
    with quiet_datasets() as datasets:
        try:
            loaded: dict[str, Any] = datasets.load_dataset(identifier, *([config] if config else []))
        except ConnectionError as error:
            raise DataError(
                f"'{name}' is no file or folder here, and the hub cannot be reached; "
                f"check the path or the network ({_root(error)})"
            ) from error
        except Exception as error:  # the hub's library raises of many families
            raise DataError(
                f"'{name}' is no file or folder here, and cannot be had from the hub: {_root(error)}"
            ) from error
        parts: list[Part] = []
        for split, dataset in loaded.items():
            if "split" not in dataset.column_names:
                dataset = dataset.add_column("split", [split] * len(dataset))
            parts.append(ArrowPart(dataset, f"{name} {split}", layout, Path(), None))
        return parts


def _system(error: BaseException) -> str:
    """What the operating system would not do, where that is at the bottom of a chain; else empty.

    Arrow raises an OSError, without the system's number, of a damaged file too.
    """
    error = _bottom(error)
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""


def _root(error: BaseException) -> str:
    """The first line of the error at the bottom of a chain: the ones above only say that it failed."""
    error = _bottom(error)
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _bottom(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
