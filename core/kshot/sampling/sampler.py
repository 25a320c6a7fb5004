"""Episode i of a split: a pure function of (source fingerprint, split, shape, seed, i)."""

from __future__ import annotations

from typing import final

import numpy as np

from kshot.errors import DataError, listing
from kshot.sampling.base import AnySampler, Drawn
from kshot.sampling.blocks import Blocks, IntArray
from kshot.sampling.catalogue import Catalogue
from kshot.sampling.members import Members, group_of, members_of
from kshot.sampling.sizes import SizeStream, fewest_queries, query_counts, query_words
from kshot.sampling.streams import Stream, Words, below, distinct, orders
from kshot.shapes import Shape

_WORDS = 2**17
"""Random words at a time: what they become on the way stays in the cache, and memory is bounded. Of twice as many
the C library gives the arrays back to the system each time, which takes a third of the time."""


@final
class Sampler(AnySampler):
    """Draws episodes of one shape from one split.

    Nothing is stored and nothing is consumed: any episode can be had at any time, so a run
    resumes exactly and every learner meets the same episodes. Labels are a random permutation
    of an episode's classes, and the order of its examples tells nothing of their labels.

    Where the shape is a distribution, an episode's size is drawn first, from words of its own.

    Classes with too few examples for the shape are left out (``left_out`` names them).

    Args:
        catalogue: the split's classes and examples.
        split: its name, part of the identity of every episode.
        shape: way, shot, queries, and the groups that constrain them.
        seed: another seed gives other episodes.
        together: that many episodes in a row, counted from 0, are of one size, so that they can
            be processed together.

    Raises:
        DataError: too few classes or examples, or a group that the source does not declare.
        ValueError: a shape of fixed episodes, which are not drawn.
    """

    def __init__(self, catalogue: Catalogue, split: str, shape: Shape, seed: int, together: int = 1) -> None:
        if shape.fixed:
            raise ValueError(f"{shape}: fixed episodes are not drawn; FixedSampler has them")
        self.catalogue = catalogue
        self.split = split
        self.shape = shape
        self.seed = seed
        # One of each direction; a class serves where it can in all of them.
        self._members, self._together = members_of(catalogue, shape), together
        every = np.arange(len(catalogue.classes))
        rooms = [one.room(every, shape.shots.high) for one in self._members]
        fits = np.min(rooms, axis=0) >= fewest_queries(shape)
        self._pools = self._class_pools(fits)
        self.left_out = tuple(name for name, fit in zip(catalogue.classes, fits, strict=True) if not fit)
        queries = [shape.queries] if isinstance(shape.queries, int) else []  # a total stands in the name
        identity = [catalogue.fingerprint, split, str(shape), *queries, seed]
        self._sizes = SizeStream(identity, shape, together)
        # One word picks the pool, then the classes, then examples class by class, then the orders.
        way = shape.ways.high
        self._widths = [1, way, way * self._members[0].width, shape.most_examples, query_words(shape)]
        self._stream = Stream(identity, sum(self._widths))

    def take(self, numbers: IntArray) -> Drawn:
        """The episodes of (T,) numbers, which must be of one size.

        Raises:
            ValueError: they are not.
        """
        sizes = self._sizes.sizes(numbers)
        way = int(sizes.way[0])
        if (sizes.way != way).any() or (sizes.support != sizes.support[0]).any():
            raise ValueError(f"episodes {listing(map(str, numbers))} of {self.shape} are not of one size")
        turns = self._turns(numbers)
        if (turns != turns[0]).any():
            raise ValueError(
                f"episodes {listing(map(str, numbers))} of {self.shape} are not of one direction"
            )
        support, queries = int(sizes.support[0]), self.shape.queries_of(way)
        widths = (way, support, support, queries, queries)
        drawn = Drawn(*(np.empty((len(numbers), width), dtype=np.int64) for width in widths))
        drawing, piece = self._members[int(turns[0])], max(1, _WORDS // sum(self._widths))
        for start in range(0, len(numbers), piece):
            part = slice(start, start + piece)
            shots = sizes.shots[part, :way].reshape(-1)
            self._fill(drawn.slice(start, start + piece), numbers[part], shots, drawing)
        return drawn

    def sizes(self, numbers: IntArray) -> IntArray:
        """(T, 2) way and number of support examples; (T, 3) with the direction, where these take turns."""
        sizes = self._sizes.sizes(numbers)
        turns = [self._turns(numbers)] if len(self._members) > 1 else []
        return np.stack([sizes.way, sizes.support, *turns], axis=1)

    def count(self, wanted: int) -> int:
        """As many as are wanted: there is no end of them."""
        return wanted

    def _turns(self, numbers: IntArray) -> IntArray:
        """(T,) direction of each episode; those that are processed together share one."""
        return numbers // self._together % len(self._members)

    def _fill(self, drawn: Drawn, numbers: IntArray, shots: IntArray, drawing: Members) -> None:
        """Draw the episodes of (T,) numbers into ``drawn``.

        Args:
            drawn: of their size; written to.
            numbers: of the episodes.
            shots: (T * way,) support examples of each of their classes.
            drawing: what draws members.
        """
        count, way = drawn.classes.shape
        pick, choose, inner, shuffle, urn = np.split(
            self._stream.of(numbers), np.cumsum(self._widths)[:-1], axis=1
        )
        drawn.classes[:] = self._choose_classes(pick[:, 0], choose[:, :way])
        flat, width = drawn.classes.reshape(-1), drawing.width
        room = drawing.room(flat, shots).reshape(count, way)
        queries = query_counts(self.shape, urn, way, room).reshape(-1)
        positions = drawing.draw(flat, shots, queries, inner[:, : way * width].reshape(count * way, width))
        positions += self.catalogue.offsets[flat][:, None]
        order, then = np.split(shuffle, [drawn.support.shape[1]], axis=1)
        for into, labels, words, begin, size in (
            (drawn.support, drawn.support_labels, order, np.zeros_like(shots), shots),
            (drawn.query, drawn.query_labels, then, shots, queries),
        ):
            own = _stretches(positions, begin, size).reshape(into.shape)
            places = self._order(own, words[:, : into.shape[1]])
            _pick(_labels(size.reshape(count, way)), places, labels)
            _pick(own, places, into)

    def _order(self, positions: IntArray, words: Words) -> IntArray:
        """(T, n) positions and words → a random order of each row; part by part."""
        order = orders(words)
        if (blocks := self.catalogue.blocks) is not None:
            parts = blocks.of[np.take_along_axis(positions, order, axis=1)]
            order = np.take_along_axis(order, np.argsort(parts, axis=1, kind="stable"), axis=1)
        return order

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
            values = np.asarray(group_of(self.catalogue.class_groups, within, "class"))
            pools = [usable[values[usable] == value] for value in np.unique(values)]
        enough = [pool for pool in pools if len(pool) >= self.shape.ways.high]
        if not enough:
            raise DataError(self._too_few(usable, pools))
        return enough

    def _too_few(self, usable: IntArray, pools: list[IntArray]) -> str:
        shape, catalogue = self.shape, self.catalogue
        shot, queries = shape.shots.high, fewest_queries(shape)
        place = (
            f"the {self.split} split has {len(catalogue.classes)} classes, of which {len(usable)} can serve"
        )
        if catalogue.blocks is not None:
            rule = f"each class needs {_needs(catalogue.blocks, shot, queries)}"
        elif shape.apart:
            rule = f"each class needs {shot} + {queries} examples with '{shape.apart}' kept apart"
        else:
            rule = f"each class needs {shot} + {queries} = {shot + queries} examples"
        problem = f"{shape.way}-way {shape.shot}-shot with {shape.queries} queries: {place} ({rule})"
        if shape.within:
            best = max(len(pool) for pool in pools)
            problem += f", at most {best} of them within one '{shape.within}'"
        short = np.setdiff1d(np.arange(len(catalogue.classes)), usable)
        scarce = [] if catalogue.blocks is None else _scarce(catalogue, catalogue.blocks, shot, queries)
        if scarce:
            problem += f"; {' and '.join(scarce)}"
        elif len(short):
            names = listing(f"{catalogue.classes[c]} ({_has(catalogue, int(c))})" for c in short)
            problem += f"; short of examples: {names}"
        mend = "; ask for a smaller way, shot or query count, or add data"
        if len(self._members) > 1:
            mend += ", or set `directions: one`, so that training episodes are like those that test"
        return problem + mend


def _stretches(positions: IntArray, begin: IntArray, size: IntArray) -> IntArray:
    """Of row i of (n, most) positions those at ``begin[i]`` … ``begin[i] + size[i]`` - 1, row after row."""
    if (begin == begin[0]).all() and (size == size[0]).all():
        return positions[:, begin[0] : begin[0] + size[0]]
    place = np.arange(positions.shape[1])
    return positions[(begin[:, None] <= place) & (place < (begin + size)[:, None])]


def _labels(size: IntArray) -> IntArray:
    """(T, way) examples of each class → (T, n) labels, class by class; (1, n) where all rows are alike."""
    rows = size[:1] if (size == size[0]).all() else size
    return np.repeat(np.tile(np.arange(size.shape[1]), len(rows)), rows.reshape(-1)).reshape(len(rows), -1)


def _pick(table: IntArray, places: IntArray, into: IntArray) -> None:
    """Row i of (T, n) places in row i of a table, or in its only one."""
    # By flat places numpy takes several times as fast as along an axis, and straight into an array
    # only where a bad place is clipped, not raised on.
    starts = np.arange(len(table))[:, None] * table.shape[1]
    np.take(table, places + starts, out=into, mode="clip")


def _needs(blocks: Blocks, shot: int, queries: int) -> str:
    """What the directions ask of a class, part by part."""
    each = zip(blocks.names, _asked(blocks, shot, queries), strict=True)
    return " and ".join(f"{most[0]} + {most[1]} examples of {name}" for name, most in each if sum(most))


def _scarce(catalogue: Catalogue, blocks: Blocks, shot: int, queries: int) -> list[str]:
    """The parts that have too few of every class."""
    parts = len(blocks.names)
    key = catalogue.labels * parts + blocks.of
    counts = np.bincount(key, minlength=len(catalogue.classes) * parts).reshape(-1, parts).max(axis=0)
    each = zip(blocks.names, counts.tolist(), _asked(blocks, shot, queries), strict=True)
    return [f"{name} has {most} of a class at most" for name, most, asked in each if most < sum(asked)]


def _asked(blocks: Blocks, shot: int, queries: int) -> list[tuple[int, int]]:
    """Support examples and queries of a class in each part, in the direction that asks most of it."""
    return [
        max(
            (
                (shot * one.support[k] // sum(one.support), queries * one.query[k] // sum(one.query))
                for one in blocks.sides
            ),
            key=sum,
        )
        for k in range(len(blocks.names))
    ]


def _has(catalogue: Catalogue, number: int) -> str:
    """How many examples a class has, part by part."""
    start, stop = catalogue.offsets[number : number + 2].tolist()
    if catalogue.blocks is None:
        return str(stop - start)
    counts = np.bincount(catalogue.blocks.of[start:stop], minlength=len(catalogue.blocks.names))
    return ", ".join(f"{count} {name}" for count, name in zip(counts, catalogue.blocks.names, strict=True))
