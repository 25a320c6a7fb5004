"""What stands on the command line or in the standard input, as things to classify."""

from __future__ import annotations

import contextlib
import glob
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from kshot.errors import KshotError, listing
from kshot.files import text_of
from kshot.interfaces import Reader
from kshot.results.text import printable
from kshot.tables.folder import endings, files_below, left_out
from kshot.tables.reading import FORMATS

SHOWN = 80
"""Characters of a text that a table for people shows."""

NOWHERE = Path(" ")
"""Of no file: an empty path is the current folder's."""


@dataclass(frozen=True)
class Item:
    """One thing to classify.

    Attributes:
        name: what to call it: its path, or the text itself.
        thing: what the classifier is given.
    """

    name: str
    thing: Any

    @property
    def called(self) -> str:
        """What messages call it: one that is blank is quoted, or nothing would be seen of it."""
        return self.name if self.name.strip() else repr(self.name)

    @property
    def shown(self) -> str:
        """One line for people: of a long text its beginning, and a path whole, since people copy it."""
        line = printable(self.name)
        return f"{line[: SHOWN - 1]}…" if isinstance(self.thing, str) and len(line) > SHOWN else line


def items(given: Sequence[str], modality: str, reader: Reader) -> list[Item]:
    """Arguments → things.

    ``-`` stands for the lines of the standard input, of which a blank one is a thing that cannot be used.
    Of texts, an argument is a text; of other modalities the path of a file, a folder (all files in it and
    below that the modality reads), or a pattern such as ``photos/*.jpg``.

    Raises:
        KshotError: nothing there, or the standard input is not in UTF-8.
    """
    lines = [line for one in given for line in (_stdin() if one == "-" else [one])]
    if modality == "text":
        for one in given:
            _refuse_file(one, reader)
    found = [
        item for line in lines for item in ([Item(line, line)] if modality == "text" else files(line, reader))
    ]
    if not found:
        raise KshotError("nothing to read; give texts or files, or - for the standard input")
    return found


def _refuse_file(given: str, reader: Reader) -> None:
    """A text that is the name of a file is a mistake: its name would be classified.

    Raises:
        KshotError: it is one.
    """
    if not given:  # as a path it would be the current folder
        return
    with contextlib.suppress(OSError, ValueError):  # too long, or of signs that no name has
        if Path(given).exists():
            # A shell opens no folder for reading, and breaks a name at its spaces.
            file = "FILE" if Path(given).is_dir() else shlex.quote(given)
            raise KshotError(
                f"{given} is the name of a file or folder here, and texts are given as they are; for the lines of a "
                f"file: - < {file}"
            )
    if Path(given).suffix.lower() in (*reader.suffixes, *FORMATS) and not re.search(r"\s", given):
        raise KshotError(
            f"{given}: no such file; texts are given as they are, the lines of a file by: - < FILE"
        )


def _stdin() -> list[str]:
    try:
        text = text_of(sys.stdin.buffer.read())
    except ValueError as error:
        raise KshotError(f"the standard input is {error}") from error
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]  # behind the last line's end none begins


def files(given: str, reader: Reader) -> list[Item]:
    """A file, those of a folder and below, or those that fit a pattern.

    How many files of a folder have other endings is told on the standard error.

    Raises:
        KshotError: none is there.
    """
    if not given:
        return [Item(given, NOWHERE)]
    path = Path(given)
    if path.is_dir():
        below = files_below(path, tuple(reader.suffixes))
        found = below.files
        if not found:
            there = f"; there are {endings(below.others)}" if below.others else ""
            raise KshotError(f"{given}: no file there ends in {listing(reader.suffixes)}{there}")
        if below.others:
            typer.echo(printable(left_out(given, below.others, reader.suffixes)), err=True)
    elif path.is_file() or not glob.has_magic(given):
        found = [path]
    else:
        found = [Path(name) for name in sorted(glob.glob(given, recursive=True)) if Path(name).is_file()]  # noqa: PTH207
        if not found:
            raise KshotError(f"{given}: no file fits this pattern")
    return [Item(str(file), file) for file in found]
