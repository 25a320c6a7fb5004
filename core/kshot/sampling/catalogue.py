"""A split of a source as the sampler sees it: classes, their examples, and the groups of both."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kshot.errors import DataError, listing
from kshot.sampling.blocks import Blocks, IntArray


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Classes in sorted order, each with its examples in sorted order of their keys.

    A *position* (0 … N-1) numbers the examples in that order; ``rows[position]`` is the number
    by which the source fetches the raw example. Positions depend on class names and keys only,
    so two copies of a data set in different layouts have the same episodes.

    Attributes:
        classes: C sorted class names.
        offsets: (C+1,) positions where each class starts; class c owns ``offsets[c]:offsets[c+1]``.
        rows: (N,) row of each position in the source.
        class_groups: for each group's name (such as ``"alphabet"``) one value per class.
        example_groups: for each group's name (such as ``"utterance"``) an (N,) array of codes.
        fingerprint: hash of class names, example keys and the content version.
        blocks: where a class's examples come from several parts; none: from one.
        origins: of each class what it was made of, where several are made of one (a character that is turned
            is four classes), which then tell no more of other classes than one does; none: each of its own.
    """

    classes: tuple[str, ...]
    offsets: IntArray
    rows: IntArray
    fingerprint: str
    class_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    example_groups: Mapping[str, IntArray] = field(default_factory=dict[str, IntArray])
    blocks: Blocks | None = None
    origins: tuple[str, ...] | None = None

    @classmethod
    def build(
        cls,
        labels: Sequence[str],
        keys: Sequence[str],
        *,
        version: str,
        rows: Sequence[int] | IntArray | None = None,
        class_groups: Mapping[str, Mapping[str, str]] | None = None,
        example_groups: Mapping[str, Sequence[str]] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> Catalogue:
        """Sort examples into a catalogue.

        Args:
            labels: class name of each of N examples.
            keys: name of each example, unique within its class and the same on every machine.
            version: content version; change it when the same keys come to mean other content.
            rows: number by which the source fetches each example; default 0 … N-1.
            class_groups: group name → class name → value.
            example_groups: group name → value of each of the N examples.
            origins: class name → what it was made of, where several are made of one.

        Raises:
            DataError: no examples, two examples of a class under one key, or a class without
                a group's value or an origin.
        """
        if not labels:
            raise DataError("a split without examples; check the split's definition")
        if len(keys) != len(labels):
            raise ValueError(f"{len(labels)} labels but {len(keys)} keys")
        members: dict[str, list[int]] = {}
        for number, label in enumerate(labels):
            members.setdefault(label, []).append(number)
        classes = sorted(members)
        digest = hashlib.sha256(version.encode() + b"\0")
        for name in classes:
            # Class by class: to sort all pairs of label and key takes twice the time and memory.
            members[name].sort(key=keys.__getitem__)
            own = [keys[number] for number in members[name]]
            if len(set(own)) < len(own):
                twice = next(key for key, other in itertools.pairwise(own) if key == other)
                raise DataError(f"class '{name}' holds two examples under the key '{twice}'")
            start = f"{len(name)}:{name}"
            digest.update("".join(f"{start}{len(key)}:{key}" for key in own).encode())
        order = np.fromiter(itertools.chain.from_iterable(members[name] for name in classes), dtype=np.int64)
        offsets = np.cumsum([0, *(len(members[name]) for name in classes)])
        sources = np.arange(len(labels)) if rows is None else np.asarray(rows)
        return cls(
            classes=tuple(classes),
            offsets=np.asarray(offsets, dtype=np.int64),
            rows=np.asarray(sources[order], dtype=np.int64),
            fingerprint="sha256:" + digest.hexdigest(),
            class_groups={
                name: _values_of(classes, values, f"class group '{name}'")
                for name, values in (class_groups or {}).items()
            },
            example_groups={
                name: np.unique(np.asarray([values[i] for i in order.tolist()]), return_inverse=True)[
                    1
                ].astype(np.int64)
                for name, values in (example_groups or {}).items()
            },
            origins=None if origins is None else _values_of(classes, origins, "origins"),
        )

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.rows)

    @property
    def sizes(self) -> IntArray:
        """(C,) examples of each class."""
        return np.diff(self.offsets)

    @property
    def labels(self) -> IntArray:
        """(N,) class number of each position."""
        return np.repeat(np.arange(len(self.classes), dtype=np.int64), self.sizes)


def firsts(catalogue: Catalogue) -> IntArray:
    """Positions of one example of each part: what tells the size of an input."""
    blocks = catalogue.blocks
    return np.zeros(1, dtype=np.int64) if blocks is None else np.unique(blocks.of, return_index=True)[1]


def _values_of(classes: Sequence[str], values: Mapping[str, str], what: str) -> tuple[str, ...]:
    missing = [c for c in classes if c not in values]
    if missing:
        raise DataError(f"{what} has no value for the classes {listing(missing)}")
    return tuple(values[c] for c in classes)
