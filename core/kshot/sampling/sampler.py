"""Episode i of a split: a pure function of (source fingerprint, split, shape, seed, i)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from kshot.errors import DataError, listing, nearest
from kshot.sampling.base import AnySampler, Drawn
from kshot.sampling.catalogue import Catalogue, IntArray
from kshot.sampling.streams import Stream, Words, below, distinct, orders
from kshot.shapes import Shape


@final
class Sampler(AnySampler):
    """Draws episodes of one shape from one split.

    Nothing is stored and nothing is consumed: any episode can be had at any time, so a run
    resumes exactly and every learner meets the same episodes. Labels are a random permutation
    of an episode's classes, and the order of its examples tells nothing of their labels.

    Classes with too few examples for the shape are left out (``left_out`` names them).

    Args:
        catalogue: the split's classes and examples.
        split: its name, part of the identity of every episode.
        shape: way, shot, queries, and the groups that constrain them.
        seed: another seed gives other episodes.

    Raises:
        DataError: too few classes or examples, or a group that the source does not declare.
        ValueError: a shape of fixed episodes, which are not drawn.
    """

    def __init__(self, catalogue: Catalogue, split: str, shape: Shape, seed: int) -> None:
        if shape.fixed:
            raise ValueError(f"{shape}: fixed episodes are not drawn; FixedSampler has them")
        self.catalogue = catalogue
        self.split = split
        self.shape = shape
        self.seed = seed
        self._separate = _Separation(catalogue, shape) if shape.apart else None
        fits = self._separate.fits() if self._separate else catalogue.sizes >= shape.shot + shape.queries
        self._pools = self._class_pools(fits)
        self.left_out = tuple(name for name, fit in zip(catalogue.classes, fits, strict=True) if not fit)
        self._per_class = self._separate.width if self._separate else shape.shot + shape.queries
        examples = shape.way * (shape.shot + shape.queries)
        # One word picks the pool, then the classes, then examples class by class, then the orders.
        self._stream = Stream(
            [catalogue.fingerprint, split, str(shape), shape.queries, seed],
            1 + shape.way + shape.way * self._per_class + examples,
        )

    def draw(self, start: int, stop: int) -> Drawn:
        """Episodes ``start`` … ``stop`` - 1."""
        way, shot, queries = self.shape.way, self.shape.shot, self.shape.queries
        words = self._stream.records(start, stop)
        pick, choose, inner, shuffle = np.split(words, np.cumsum([1, way, way * self._per_class]), axis=1)
        classes = self._choose_classes(pick[:, 0], choose)
        flat = classes.reshape(-1)
        inner = inner.reshape(len(flat), self._per_class)
        draw = self._separate.draw if self._separate else self._draw_freely
        members = draw(flat, inner)
        positions = (members + self.catalogue.offsets[flat][:, None]).reshape(-1, way, shot + queries)
        labels = np.broadcast_to(np.arange(way)[:, None], (way, shot + queries))
        support, support_labels = _shuffled(
            positions[:, :, :shot], labels[:, :shot], shuffle[:, : way * shot]
        )
        query, query_labels = _shuffled(positions[:, :, shot:], labels[:, shot:], shuffle[:, way * shot :])
        return Drawn(classes, support, support_labels, query, query_labels)

    def count(self, wanted: int) -> int:
        """As many as are wanted: there is no end of them."""
        return wanted

    def _draw_freely(self, classes: IntArray, words: Words) -> IntArray:
        return distinct(words, self.catalogue.sizes[classes])

    def _choose_classes(self, pick: Words, choose: Words) -> IntArray:
        if len(self._pools) == 1:
            pool = self._pools[0]
            return pool[distinct(choose, np.full(len(choose), len(pool), dtype=np.int64))]
        which = below(pick, len(self._pools))
        sizes = np.asarray([len(pool) for pool in self._pools], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        members = distinct(choose, sizes[which])
        return np.concatenate(self._pools)[members + starts[which][:, None]]

    def _class_pools(self, fits: np.ndarray) -> list[IntArray]:
        """The sets of classes that an episode may draw from: one, or one per class group."""
        within = self.shape.within
        usable = np.flatnonzero(fits)
        if within is None:
            pools = [usable]
        else:
            values = np.asarray(_group(self.catalogue.class_groups, within, "class"))
            pools = [usable[values[usable] == value] for value in np.unique(values)]
        enough = [pool for pool in pools if len(pool) >= self.shape.way]
        if not enough:
            raise DataError(self._too_few(usable, pools))
        return enough

    def _too_few(self, usable: IntArray, pools: list[IntArray]) -> str:
        shape, catalogue = self.shape, self.catalogue
        needed = shape.shot + shape.queries
        place = (
            f"the {self.split} split has {len(catalogue.classes)} classes, of which {len(usable)} can serve"
        )
        if self._separate:
            rule = f"each class needs {shape.shot} + {shape.queries} examples with '{shape.apart}' kept apart"
        else:
            rule = f"each class needs {shape.shot} + {shape.queries} = {needed} examples"
        problem = f"{shape.way}-way {shape.shot}-shot with {shape.queries} queries: {place} ({rule})"
        if shape.within:
            best = max(len(pool) for pool in pools)
            problem += f", at most {best} of them within one '{shape.within}'"
        short = np.setdiff1d(np.arange(len(catalogue.classes)), usable)
        if len(short):
            names = listing(f"{catalogue.classes[c]} ({catalogue.sizes[c]})" for c in short)
            problem += f"; short of examples: {names}"
        return problem + "; ask for a smaller way, shot or query count, or add data"


class _Separation:
    """Support and query examples that never share a group.

    A class's groups are put in random order; the support takes whole groups from the front
    until it has enough examples, the query draws from the rest. Where even the largest group
    in the support's last place leaves enough for the query, every order works: such classes
    serve, others are left out.
    """

    def __init__(self, catalogue: Catalogue, shape: Shape) -> None:
        assert shape.apart is not None
        self._shape = shape
        self._sizes = catalogue.sizes
        codes = _group(catalogue.example_groups, shape.apart, "example")
        self._codes: list[IntArray] = [
            np.unique(codes[a:b], return_inverse=True)[1].astype(np.int64)
            for a, b in zip(catalogue.offsets[:-1], catalogue.offsets[1:], strict=True)
        ]
        self._groups = max(int(code.max()) + 1 for code in self._codes)
        self.width = self._groups + shape.shot + shape.queries

    def fits(self) -> np.ndarray:
        """(C,) whether each class can serve."""
        largest = np.asarray([np.bincount(code).max() for code in self._codes])
        return self._sizes - (self._shape.shot - 1) - largest >= self._shape.queries

    def draw(self, classes: IntArray, words: Words) -> IntArray:
        """(rows,) class numbers and (rows, width) words → (rows, shot + queries) members."""
        members = np.empty((len(classes), self._shape.shot + self._shape.queries), dtype=np.int64)
        for number in np.unique(classes):
            rows = np.flatnonzero(classes == number)
            members[rows] = self._draw_class(self._codes[number], words[rows])
        return members

    def _draw_class(self, codes: IntArray, words: Words) -> IntArray:
        shot, groups = self._shape.shot, int(codes.max()) + 1
        order = orders(words[:, :groups])
        sizes = np.bincount(codes, minlength=groups)
        before = np.cumsum(sizes[order], axis=1) - sizes[order]
        in_support = np.empty_like(order, dtype=bool)
        np.put_along_axis(in_support, order, before < shot, axis=1)
        side = in_support[:, codes]  # (rows, examples)
        listed = np.argsort(~side, axis=1, kind="stable")  # the support's side first
        split = side.sum(axis=1)
        draws = words[:, self._groups :]
        support = distinct(draws[:, :shot], split)
        query = distinct(draws[:, shot:], len(codes) - split) + split[:, None]
        return np.take_along_axis(listed, np.concatenate([support, query], axis=1), axis=1)


def _group(groups: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in groups:
        raise DataError(
            f"the source declares no {kind} group '{name}' (it has: {listing(groups)}){nearest(name, groups)}"
        )
    return groups[name]


def _shuffled(positions: IntArray, labels: IntArray, words: Words) -> tuple[IntArray, IntArray]:
    """(T, way, n) positions, (way, n) labels, (T, way·n) words → both (T, way·n), shuffled alike."""
    order = orders(words)
    flat = positions.reshape(len(positions), -1)
    return np.take_along_axis(flat, order, axis=1), labels.reshape(-1)[order]
