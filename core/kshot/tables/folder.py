"""A folder with one sub-folder per class."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import final

from kshot.errors import DataError, listing
from kshot.tables.part import Layout, Part, read_file, refuse

NAMED = 4
"""Files that a message names; the rest is counted."""


@final
class FolderPart(Part):
    """Files in class folders; a class folder may hold further folders.

    Names that begin with a dot are passed over. Class names and keys are in Unicode's composed
    form (NFC), since file systems differ in the form that they return; two files whose paths are then
    the same are refused.

    Two columns can be asked for: ``folder``, in which folder below its class folder a file lies
    (``.`` for the class folder itself), and ``split``, the name of the folder of class folders.

    Args:
        path: the folder.
        name: the folder as the user wrote it.
        layout: which files count.

    Raises:
        DataError: no such file in any class folder, one whose name is not UTF-8, or two whose paths look
            the same.
    """

    def __init__(self, path: Path, name: str, layout: Layout) -> None:
        self.name = name
        self.folder = path
        self.media = layout.media[0]
        self.label = (layout.label or layout.media)[0]
        self._layout = layout
        self._labels: list[str] = []
        self._files: list[str] = []  # relative to the folder, with its class folder in front
        empty: list[str] = []
        others: Counter[str] = Counter()
        for class_folder in sorted(_visible_folders(path)):
            below = files_below(class_folder, layout.suffixes)
            if not below.files:
                empty.append(class_folder.name + (f" ({endings(below.others)})" if below.others else ""))
            self._labels += [unicodedata.normalize("NFC", class_folder.name)] * len(below.files)
            self._files += [file.relative_to(path).as_posix() for file in below.files]
            others += below.others
        self.empty = tuple(empty)
        if not self._files:
            there = f"; its sub-folders hold {endings(others)}" if others else ""
            raise DataError(
                f"{name}: no examples; a folder of examples holds one sub-folder per class, "
                f"with files ending in {listing(layout.suffixes)} (a table in it is named by its own path){there}"
            )
        refuse(
            name,
            "files",
            [f"{name}/{file}: {problem}" for file in self._files if (problem := _misnamed(file))],
        )
        paths = Counter(unicodedata.normalize("NFC", file) for file in self._files)
        if twice := [file for file in self._files if paths[unicodedata.normalize("NFC", file)] > 1]:
            raise DataError(
                f"{name}: files whose paths differ by how Unicode spells a letter alone, and look the same: "
                f"{listing(map(ascii, twice), NAMED)}; rename or remove all but one of each"
            )
        notes = [left_out(name, others, layout.suffixes)] if others else []
        if beside := _beside(path, layout.suffixes):
            notes.append(
                f"{name}: left out {endings(beside)} that lie beside the class folders; an example lies in the folder "
                "of its class"
            )
        self.notes = tuple(notes)

    def __len__(self) -> int:
        return len(self._files)

    def labels(self) -> list[str | None]:
        return list(self._labels)

    def column(self, name: str) -> list[str | None]:
        if name == "folder":
            return [str(PurePosixPath(self.key(row)).parent) for row in range(len(self))]
        if name == "split":
            return [self.folder.resolve().name] * len(self)
        raise DataError(
            f"{self.name} is a folder of class folders and has no column '{name}' (it has: folder, split)"
        )

    def inspect(self, rows: Sequence[int]) -> str:
        lines: list[str] = []
        problems: list[str] = []
        for file in (self._files[row] for row in rows):
            try:
                size = (self.folder / file).stat().st_size
            except OSError as error:  # a link to nothing
                problems.append(f"{self.name}/{file} cannot be read: {error.strerror}")
                continue
            if size == 0:
                problems.append(f"{self.name}/{file} is empty; mend or remove it")
            lines.append(f"{unicodedata.normalize('NFC', file)}\0{size}\n")
        refuse(self.name, "files", problems)
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()

    def key(self, row: int) -> str:
        return unicodedata.normalize("NFC", self._files[row].split("/", 1)[1])

    def place(self, row: int, column: str) -> str:
        return f"{self.name}/{self._files[row]}"

    def read(self, row: int) -> bytes | str:
        return read_file(self.folder / self._files[row], self._layout.content, self.place(row, self.media))


def _misnamed(file: str) -> str:
    """Why a file cannot be told by its name, which stands in results and in episodes' hashes; empty where it can."""
    try:
        file.encode()
    except UnicodeEncodeError:  # Python holds other bytes in surrogates
        return "the name is not UTF-8; rename it, as by `convmv -r -f latin1 -t utf-8 --notest FOLDER`"
    return ""


def _beside(path: Path, suffixes: tuple[str, ...]) -> Counter[str]:
    """The files directly in a folder that end in one of some lower-case suffixes, counted by ending."""
    names = (entry.name for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    return Counter(Path(name).suffix.lower() for name in names if name.lower().endswith(suffixes))


def _visible_folders(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")]


@dataclass(frozen=True)
class Below:
    """What lies in a folder and below, hidden files and folders apart.

    Attributes:
        files: those that end in one of the suffixes asked for, sorted.
        others: of the other files how many there are of each ending, in lower case.
    """

    files: Sequence[Path]
    others: Counter[str]


def files_below(folder: Path, suffixes: tuple[str, ...]) -> Below:
    """The files in a folder and below that end in one of some lower-case suffixes, and how many others."""
    found: list[Path] = []
    others: Counter[str] = Counter()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith("."):
                continue
            if name.lower().endswith(suffixes):
                found.append(Path(place, name))
            else:
                others[Path(name).suffix.lower()] += 1
    return Below(sorted(found), others)


def endings(others: Counter[str]) -> str:
    """``3 .heic, 1 .txt``: the commonest endings first."""
    ordered = sorted(others.items(), key=lambda one: (-one[1], one[0]))
    return listing(f"{count} {ending or 'without an ending'}" for ending, count in ordered)


def left_out(name: str, others: Counter[str], suffixes: Sequence[str]) -> str:
    """What to tell of the files that are passed over in a folder ``name``."""
    return f"{name}: left out {endings(others)}; what is read ends in {listing(suffixes)}"
