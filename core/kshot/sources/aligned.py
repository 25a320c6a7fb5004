"""Two or more sources as one, joined by the names of their classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, final

import numpy as np
from pydantic import Field

from kshot.errors import DataError, listing, nearest
from kshot.interfaces import SPLITS, Presentation, Sensed, Source, Split
from kshot.sampling import Blocks, Catalogue, Sides, shares_of
from kshot.sources.joining import Joined, Match, join, read_mapping, unknown_names

MODALITY = "mixed"
Side = str | dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
"""One part (or its modality, where no other has it), or the share of each."""

Directions = Literal["one", "both", "all"]


@final
class Aligned(Source):
    """Episodes across modalities: classes that all parts have, a part's examples beside another's.

    A shape's shot counts the support examples of a class in all modalities together, and shares
    divide it: of ``{photos: 3, captions: 2}`` five shots are 3 + 2 and ten 6 + 4. Queries likewise.

    Args:
        of: the parts, by name.
        support: what the support is made of; default: the first part.
        query: what queries are made of; default: the last part.
        directions: of training episodes. ``one``: as they are tested; ``both``: in turns with support
            and query exchanged; ``all``: in turns every ordered pair of parts. Default: ``both`` where
            support and query are two parts, else ``one``.
        match: how names are compared: ``exact``, or ``normalised`` (case, punctuation and spaces do
            not matter).
        mapping: what parts name otherwise, ``{part: {its name: name in common}}``, or a YAML or JSON
            file of that.

    Raises:
        DataError: fewer than two parts, no class in common, an unknown side.
    """

    def __init__(
        self,
        *,
        of: Mapping[str, Source],
        support: Side | None = None,
        query: Side | None = None,
        directions: Directions | None = None,
        match: Match = "exact",
        mapping: Path | dict[str, dict[str, str]] | None = None,
    ) -> None:
        if len(of) < 2:
            raise DataError(f"`of` needs two sources at least, got {listing(of)}")
        self.modality = MODALITY
        self.parts = dict(of)
        self._names = tuple(of)
        self._list = list(of.values())
        tested = Sides(
            self._shares("support", support, self._names[0]), self._shares("query", query, self._names[-1])
        )
        trained = _directions(tested, directions)
        mapped = read_mapping(mapping, self._names)
        owned: list[tuple[Split, dict[str, Catalogue]]] = [
            (split, _catalogues(self.parts, split)) for split in SPLITS
        ]
        every = {
            part: [name for _, own in owned if part in own for name in own[part].classes]
            for part in self._names
        }
        if problem := unknown_names(mapped, every):
            raise DataError(problem)
        self._catalogues: dict[Split, Catalogue] = {}
        notes: list[str] = []
        for split, own in owned:
            joined = join({part: one.classes for part, one in own.items()}, match, mapped) if own else None
            if joined is None:
                continue
            whole = len(own) == len(self._names)
            if whole and joined.shared:
                sides = trained if split == "train" else (tested,)
                self._catalogues[split] = self._build(joined, own, sides)
            notes += _told(split, joined if whole else _all_alone(own))
        if not self._catalogues:
            raise DataError(self._nothing_shared(every, match))
        self.notes = [*(f"{name}: {one}" for name, part in of.items() for one in part.notes), *notes]
        self.skipped = [f"{name}: {one}" for name, part in of.items() for one in part.skipped]

    def catalogue(self, split: Split) -> Catalogue:
        """Classes that all parts have in this split.

        Raises:
            DataError: there is none.
        """
        if split not in self._catalogues:
            raise DataError(
                f"the {split} splits of {listing(self._names)} have no class in common; give the parts splits "
                "that agree, or `mapping`"
            )
        return self._catalogues[split]

    def fetch(self, row: int) -> Sensed:
        """A part's raw example, with its modality."""
        part, own = self._place(row)
        return Sensed(part.modality, part.fetch(own))

    def present(self, raw: Sensed) -> Presentation:
        """As the part of that modality draws it."""
        return next(part for part in self._list if part.modality == raw.modality).present(raw.raw)

    def place(self, row: int) -> str:
        """As the part says."""
        part, own = self._place(row)
        return part.place(own)

    def digest(self, row: int) -> str | None:
        """As the part says."""
        part, own = self._place(row)
        return part.digest(own)

    def _place(self, row: int) -> tuple[Source, int]:
        return self._list[row % len(self._list)], row // len(self._list)

    def _shares(self, word: str, side: Side | None, default: str) -> tuple[int, ...]:
        given = {side or default: 1} if not isinstance(side, dict) else side
        if not given:
            raise DataError(f"{word}: an empty mix; name a part at least (parts: {listing(self._names)})")
        found: dict[str, float] = {}
        for name, share in given.items():
            part = self._part(word, name)
            if part in found:
                raise DataError(f"{word}: '{part}' is named twice")
            found[part] = share
        return shares_of(found, self._names)

    def _part(self, word: str, name: str) -> str:
        """The part that a name means: its own, or its modality."""
        if name in self.parts:
            return name
        modalities = [part.modality for part in self._list]
        same = [part for part, modality in zip(self._names, modalities, strict=True) if modality == name]
        if len(same) == 1:
            return same[0]
        if same:
            raise DataError(f"{word}: '{name}' is the modality of {listing(same)}; name one of them")
        known = [*self._names, *dict.fromkeys(modalities)]
        raise DataError(
            f"{word}: there is no part or modality '{name}'{nearest(name, known)}; there are {listing(known)}"
        )

    def _build(self, joined: Joined, own: Mapping[str, Catalogue], sides: tuple[Sides, ...]) -> Catalogue:
        parts, numbers = (
            list(own.values()),
            [{name: number for number, name in enumerate(one.classes)} for one in own.values()],
        )
        place: list[np.ndarray] = []
        of: list[np.ndarray] = []
        sizes: list[int] = []
        for named in joined.shared.values():
            stretches = [
                np.arange(*one.offsets[number[named[part]] : number[named[part]] + 2])
                for part, one, number in zip(own, parts, numbers, strict=True)
            ]
            place += stretches
            of += [np.full(len(one), block, dtype=np.int64) for block, one in enumerate(stretches)]
            sizes.append(sum(map(len, stretches)))
        places, blocks = np.concatenate(place).astype(np.int64), np.concatenate(of)
        rows = np.empty_like(places)
        for block, one in enumerate(parts):
            mine = blocks == block
            rows[mine] = one.rows[places[mine]] * len(parts) + block
        # Neither directions nor the parts' names: the same examples have the same episodes.
        described = [[name, *(named[part] for part in own)] for name, named in joined.shared.items()]
        fingerprints = [one.fingerprint for one in parts]
        version = json.dumps(["aligned-1", fingerprints, described], ensure_ascii=False)
        return Catalogue(
            classes=tuple(joined.shared),
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            rows=rows,
            fingerprint="sha256:" + hashlib.sha256(version.encode()).hexdigest(),
            class_groups=_class_groups(joined, own),
            blocks=Blocks(self._names, tuple(part.modality for part in self._list), blocks, places, sides),
            origins=_origins(joined, own),
        )

    def _nothing_shared(self, every: Mapping[str, Sequence[str]], match: Match) -> str:
        told = "; ".join(f"{part} has {listing(sorted(names), 4)}" for part, names in every.items())
        mend = (
            "`mapping` names what differs"
            if match == "normalised"
            else "try `match: normalised`, or `mapping`"
        )
        return f"no class is in every one of {listing(self._names)}, in any split: {told}; {mend}"


def _catalogues(parts: Mapping[str, Source], split: Split) -> dict[str, Catalogue]:
    """Those of the parts that have such a split."""
    found: dict[str, Catalogue] = {}
    for name, part in parts.items():
        try:
            found[name] = part.catalogue(split)
        except DataError:  # a source need not have every split
            continue
    return found


def _directions(tested: Sides, directions: Directions | None) -> tuple[Sides, ...]:
    """What training episodes are made of, in turns."""
    if directions is None:
        single = sum(tested.support) == sum(tested.query) == 1
        directions = "both" if single and tested.support != tested.query else "one"
    if directions == "one":
        return (tested,)
    if directions == "both":
        return tuple(dict.fromkeys((tested, tested.turned)))
    count = len(tested.support)
    single_parts = [tuple(int(k == part) for k in range(count)) for part in range(count)]
    return tuple(Sides(one, other) for one in single_parts for other in single_parts if one != other)


def _class_groups(joined: Joined, own: Mapping[str, Catalogue]) -> dict[str, tuple[str, ...]]:
    """The first part's that has a group of a name."""
    groups: dict[str, tuple[str, ...]] = {}
    for part, one in own.items():
        for group, values in one.class_groups.items():
            groups.setdefault(group, _of_shared(joined, part, one, values))
    return groups


def _origins(joined: Joined, own: Mapping[str, Catalogue]) -> tuple[str, ...] | None:
    """The first part's that has some."""
    for part, one in own.items():
        if one.origins is not None:
            return _of_shared(joined, part, one, one.origins)
    return None


def _of_shared(joined: Joined, part: str, own: Catalogue, values: Sequence[str]) -> tuple[str, ...]:
    """A part's values, one per class of its own, of the classes in common."""
    value = dict(zip(own.classes, values, strict=True))
    return tuple(value[named[part]] for named in joined.shared.values())


def _all_alone(own: Mapping[str, Catalogue]) -> Joined:
    """Where a part has no such split at all."""
    return Joined({}, {part: one.classes for part, one in own.items()})


def _told(split: Split, joined: Joined) -> list[str]:
    return [
        f"{split}: {len(names)} classes of '{part}' have no counterpart and are left out: {', '.join(names)}"
        for part, names in joined.alone.items()
        if names
    ]
