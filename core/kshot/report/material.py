"""All that a benchmark's folder holds for its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kshot.errors import KshotError
from kshot.outcomes import Outcomes, outcomes_path, read_outcomes
from kshot.results import (
    Entry,
    Inside,
    Projection,
    Results,
    Sample,
    inside_path,
    load,
    load_samples,
    load_worst,
    projection_path,
    read_entry,
)
from kshot.statistics import compared

Read = TypeVar("Read")
Kept = TypeVar("Kept", bound=Entry)


def _no_outcomes(cell: str) -> Sequence[Outcomes]:
    del cell
    return []


@dataclass(frozen=True)
class Material:
    """What sections are made of.

    Attributes:
        results: the figures.
        samples: sample episodes, one for each source that has one.
        worst: the worst episodes, by source, the worst of each first.
        projections: of test examples' embeddings, by cell.
        inside: what was seen inside learners, by cell.
        outcomes: what was said of every query, shape by shape, by cell; empty where it was not kept.
        troubles: why something could not be read, by the key of its section.
    """

    results: Results
    samples: Sequence[Sample] = ()
    worst: Sequence[Sample] = ()
    projections: Mapping[str, Projection] = field(default_factory=dict[str, Projection])
    inside: Mapping[str, Inside] = field(default_factory=dict[str, Inside])
    outcomes: Callable[[str], Sequence[Outcomes]] = _no_outcomes
    troubles: Mapping[str, str] = field(default_factory=dict[str, str])


def gather(folder: Path) -> Material:
    """Read a benchmark's folder.

    What cannot be read beside the results costs its own section alone.

    Raises:
        KshotError: there are no results, or they cannot be read.
    """
    results = _compared(load(folder), folder)
    troubles: dict[str, str] = {}

    def tolerant(key: str, read: Callable[[], Read], otherwise: Read) -> Read:
        try:
            return read()
        except KshotError as error:
            troubles[key] = str(error)
            return otherwise

    def outcomes(cell: str) -> Sequence[Outcomes]:
        path = outcomes_path(folder, cell)
        return tolerant("confusion", lambda: read_outcomes(path), []) if path.is_file() else []

    def of_cells(path: Callable[[Path, str], Path], model: type[Kept]) -> dict[str, Kept]:
        paths = {cell.id: path(folder, cell.id) for cell in results.cells}
        return {cell: read_entry(own, model) for cell, own in paths.items() if own.is_file()}

    return Material(
        results,
        tolerant("episodes", lambda: load_samples(folder), []),
        tolerant("worst", lambda: load_worst(folder), []),
        tolerant("projections", lambda: of_cells(projection_path, Projection), {}),
        tolerant("inside", lambda: of_cells(inside_path, Inside), {}),
        outcomes,
        troubles,
    )


def _compared(results: Results, folder: Path) -> Results:
    """With comparisons, which a run writes at its end, where it has not ended but kept outcomes."""
    if results.comparisons:
        return results
    found = compared(results, folder)
    return found if any(one.pairs for one in found.comparisons) else results
