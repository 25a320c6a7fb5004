"""The zip file of Lake's one-shot runs, read in memory: nothing is written to disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from kshot.errors import DataError

LIMIT = 2**14
"""Bytes of the largest file that is read; Omniglot's pictures have some 300."""

_LABELS = re.compile(r"(run\d\d)/class_labels\.txt")
_PAIR = re.compile(r"(run\d\d)/test/item\d\d\.png (run\d\d)/training/class\d\d\.png")
_MEND = "give the file all_runs.zip of Lake's Omniglot, as it was published"


class Picture(NamedTuple):
    """A PNG file of the archive."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Run:
    """One episode of one shot and one query a class.

    Attributes:
        name: such as ``run01``.
        training: one picture of each class, by name.
        test: one picture of each class, in the order of the file of labels.
        answers: for each test picture the number of its class in ``training``.
    """

    name: str
    training: tuple[Picture, ...]
    test: tuple[Picture, ...]
    answers: tuple[int, ...]


def read_runs(path: Path) -> list[Run]:
    """All runs, by name; all of one way.

    ``runNN/class_labels.txt`` names in each line a test picture and the training picture of its
    class, ``runNN/test/itemNN.png runNN/training/classNN.png``. Other files are passed over.

    Raises:
        DataError: no such file, or not such an archive; the message names the file within.
    """
    if not path.is_file():
        raise DataError(f"omniglot_runs: no such file: {path}; {_MEND}")
    try:
        with ZipFile(path) as archive:
            members = set(archive.namelist())
            names = sorted(match[1] for name in members if (match := _LABELS.fullmatch(name)))
            runs = [_run(archive, members, name) for name in names]
    except DataError as error:
        raise DataError(f"omniglot_runs: {path}: {error}; {_MEND}") from error
    except Exception as error:  # zipfile and zlib raise anything on damaged or encrypted files
        raise DataError(f"omniglot_runs: {path} cannot be read as a zip file: {error}; {_MEND}") from error
    ways = sorted({len(run.training) for run in runs})
    if len(ways) != 1:
        found = f"runs of {ways} classes" if runs else "no run01/class_labels.txt"
        raise DataError(f"omniglot_runs: {path} holds {found}; {_MEND}")
    return runs


def _run(archive: ZipFile, members: set[str], name: str) -> Run:
    pairs = _pairs(_read(archive, f"{name}/class_labels.txt"), name)
    tests, answers = [test for test, _ in pairs], [training for _, training in pairs]
    known = sorted(set(answers))
    if len(known) < 2 or len(known) != len(pairs) or len(set(tests)) != len(pairs):
        raise DataError(
            f"{name}/class_labels.txt does not pair each of its test pictures with a class of its own"
        )
    missing = [one for one in (*tests, *known) if one not in members]
    if missing:
        raise DataError(f"{missing[0]} is missing")
    return Run(
        name,
        training=tuple(Picture(one, _read(archive, one)) for one in known),
        test=tuple(Picture(one, _read(archive, one)) for one in tests),
        answers=tuple(known.index(one) for one in answers),
    )


def _pairs(labels: bytes, run: str) -> list[tuple[str, str]]:
    """(test, training) names of each line."""
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(labels.decode("utf-8", "replace").splitlines(), start=1):
        match = _PAIR.fullmatch(line.strip())
        if match is None or {match[1], match[2]} != {run}:
            raise DataError(
                f"{run}/class_labels.txt line {number}: {line[:80]!r} is not of the form "
                f"'{run}/test/item01.png {run}/training/class08.png'"
            )
        test, training = match[0].split(" ")
        pairs.append((test, training))
    return pairs


def _read(archive: ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise DataError(f"{name} is neither stored nor deflated")
    # What the directory says of a size may be a lie: no more than the limit is inflated.
    with archive.open(info) as file:
        data = file.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise DataError(f"{name} has more than {LIMIT:,} bytes")
    return data
