"""What a source holds, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kshot.cli.sources.opening import Opened
from kshot.errors import DataError
from kshot.interfaces import Source
from kshot.sampling import Catalogue
from kshot.shapes import SPLITS, Split


def catalogues(source: Source) -> dict[Split, Catalogue]:
    """The splits that have classes.

    Raises:
        DataError: none has.
    """
    found: dict[Split, Catalogue] = {}
    errors: list[DataError] = []
    for split in SPLITS:
        try:
            found[split] = source.catalogue(split)
        except DataError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


@dataclass(frozen=True)
class Numbers:
    """One split in numbers.

    Attributes:
        sizes: class → its examples.
        parts: what the examples come from, where that is several → its examples.
        class_groups: group → how many values it has in this split.
        example_groups: likewise.
    """

    sizes: Mapping[str, int]
    parts: Mapping[str, int]
    class_groups: Mapping[str, int]
    example_groups: Mapping[str, int]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Numbers:
        """Those of a catalogue."""
        return cls(
            dict(zip(catalogue.classes, catalogue.sizes.tolist(), strict=True)),
            _parts(catalogue),
            {name: len(set(values)) for name, values in catalogue.class_groups.items()},
            {name: len(np.unique(codes)) for name, codes in catalogue.example_groups.items()},
        )

    @property
    def examples(self) -> int:
        """Of all classes together."""
        return sum(self.sizes.values())

    @property
    def per_class(self) -> dict[str, float]:
        """Fewest, median and most examples of a class."""
        sizes = list(self.sizes.values())
        return {"min": min(sizes), "median": float(np.median(sizes)), "max": max(sizes)}


def record(opened: Opened, numbers: Mapping[Split, Numbers], sheet: str) -> dict[str, Any]:
    """All that is told of a source, as JSON values."""
    entry = opened.entry
    return {
        "name": opened.name,
        "use": entry.name,
        "modality": entry.modality,
        "summary": entry.spec.summary,
        "distribution": entry.distribution,
        "version": entry.version,
        "licence": entry.spec.licence,
        "citation": entry.spec.paper,
        "options": dict(opened.options),
        "split": opened.split,
        "splits": {split: _split_json(one) for split, one in numbers.items()},
        "notes": list(opened.source.notes),
        "skipped": list(opened.source.skipped),
        "sheet": sheet,
    }


def _split_json(numbers: Numbers) -> dict[str, Any]:
    return {
        "classes": len(numbers.sizes),
        "examples": numbers.examples,
        "per_class": numbers.per_class,
        "parts": dict(numbers.parts),
        "class_groups": dict(numbers.class_groups),
        "example_groups": dict(numbers.example_groups),
        "sizes": dict(numbers.sizes),
    }


def _parts(catalogue: Catalogue) -> dict[str, int]:
    if catalogue.blocks is None:
        return {}
    names = catalogue.blocks.names
    counts = np.bincount(catalogue.blocks.of, minlength=len(names)).tolist()
    return dict(zip(names, counts, strict=True))
