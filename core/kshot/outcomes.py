"""What a classifier said of every query of the test episodes: all figures can be had from it, without models."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.errors import KshotError
from kshot.files import write_atomic_with

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

OUTCOMES = "outcomes.npz"
"""Name of the file, in a cell's folder."""

_KNOWN, _UNKNOWN, _RIGHT = "known_by", "unknown_by", "right"
"""Names of what is kept of unknown queries; the first two are followed by a score's own."""

_TIED = "tied"
"""Name of what files written before it was kept do without."""

_FIELDS = ("accuracy", "queries", "labels", "predicted", "rank", "confidence", "classes")


@dataclass(frozen=True, eq=False)
class Knownness:
    """How known queries looked, N of the episodes' own and U unknown ones of each of E episodes.

    Attributes:
        known: (N,) by the name of a score, the higher the more known.
        unknown: (E, U) the same of the unknown queries.
        right: (N,) 1 where a known query was classified rightly in the pass that gave the scores, else 0; shares
            of ties.
    """

    known: Mapping[str, Floats]
    unknown: Mapping[str, Floats]
    right: Floats


@dataclass(frozen=True, eq=False)
class Outcomes:
    """E test episodes of one shape with N queries in all, episode after episode.

    Attributes:
        accuracy: (E,) share of right answers, in which a tie counts by its share.
        queries: (E,) number of queries of each episode; their sum is N.
        labels: (N,) the query's class, an index into ``classes``.
        predicted: (N,) the class with the largest logit, likewise; of a tie the first.
        rank: (N,) how many classes of the episode had a larger logit than the right one.
        confidence: (N,) the softmax's probability of the predicted class.
        classes: names of all classes that episodes are drawn from.
        unknown: how known all queries looked, those of unknown classes too; none where there were none of these.
        tied: (N,) how many classes of the episode had the logit of the right one, itself among them; none in
            files that were written before this was kept.
    """

    accuracy: Floats
    queries: Integers
    labels: Integers
    predicted: Integers
    rank: Integers
    confidence: Floats
    classes: tuple[str, ...]
    unknown: Knownness | None = None
    tied: Integers | None = None

    @property
    def episode(self) -> Integers:
        """(N,) the number of each query's episode."""
        return np.repeat(np.arange(len(self.queries)), self.queries)


def outcomes_path(folder: Path, cell: str) -> Path:
    """The file of one cell's outcomes in a benchmark's folder."""
    return folder / "cells" / cell.replace("/", "%2F").replace("\\", "%5C") / OUTCOMES


def write_outcomes(path: Path, outcomes: Sequence[Outcomes]) -> None:
    """Write the outcomes of a cell's shapes, in their order, as a compressed ``.npz``."""
    arrays: dict[str, NDArray[Any]] = {}
    for number, one in enumerate(outcomes):
        fields: dict[str, NDArray[Any]] = {
            "accuracy": one.accuracy.astype("<f8"),
            "queries": one.queries.astype("<i4"),
            "labels": one.labels.astype("<i4"),
            "predicted": one.predicted.astype("<i4"),
            "rank": one.rank.astype("<i4"),
            "confidence": one.confidence.astype("<f4"),
            # Bytes and not numpy's fixed-width text, which would cut a name's trailing NULs.
            "classes": np.frombuffer("\0".join(one.classes).encode("utf-8", "backslashreplace"), dtype="u1"),
        }
        if one.tied is not None:
            fields[_TIED] = one.tied.astype("<i4")
        if one.unknown is not None:
            fields[_RIGHT] = one.unknown.right.astype("<f8")
            fields |= {f"{_KNOWN}/{name}": values.astype("<f4") for name, values in one.unknown.known.items()}
            fields |= {
                f"{_UNKNOWN}/{name}": values.astype("<f4") for name, values in one.unknown.unknown.items()
            }
        arrays |= {f"{number}/{name}": array for name, array in fields.items()}

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # pyright: ignore[reportArgumentType]

    write_atomic_with(path, write)


def read_outcomes(path: Path) -> list[Outcomes]:
    """Read what :func:`write_outcomes` wrote.

    Raises:
        KshotError: the file is missing or damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        count = len({name.split("/")[0] for name in arrays})
        return [_one(arrays, f"{number}/") for number in range(count)]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise KshotError(
            f"{path}: cannot be read ({error}); run the benchmark again to rewrite it"
        ) from error


def _one(stored: Mapping[str, NDArray[Any]], prefix: str) -> Outcomes:
    own = {name: stored[prefix + name] for name in _FIELDS}
    names = own.pop("classes").tobytes().decode("utf-8")
    known, unknown = (_below(stored, f"{prefix}{start}/") for start in (_KNOWN, _UNKNOWN))
    looks = Knownness(known, unknown, stored[prefix + _RIGHT]) if known else None
    tied = stored.get(prefix + _TIED)
    return Outcomes(**own, classes=tuple(names.split("\0")), unknown=looks, tied=tied)


def _below(stored: Mapping[str, NDArray[Any]], start: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(start): value for name, value in stored.items() if name.startswith(start)}
