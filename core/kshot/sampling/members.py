"""Which examples of a class are an episode's support, and which its queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from kshot.errors import DataError, listing, nearest
from kshot.sampling.blocks import IntArray, Shares, Sides, indivisible
from kshot.sampling.catalogue import Catalogue
from kshot.sampling.streams import Words, distinct, orders
from kshot.shapes import Shape


class Members(ABC):
    """Draws examples of classes; a *member* is an example's number within its class.

    Attributes:
        width: random words that the draw of one class takes.
    """

    width: int

    @abstractmethod
    def room(self, classes: IntArray, shots: IntArray | int) -> IntArray:
        """(n,) examples that (n,) classes can always give for queries, beside ``shots`` for the support."""

    @abstractmethod
    def draw(self, classes: IntArray, shots: IntArray, queries: IntArray, words: Words) -> IntArray:
        """Draw distinct examples.

        Args:
            classes: (n,) class numbers.
            shots: (n,) support examples of each.
            queries: (n,) query examples of each.
            words: (n, width).

        Returns:
            (n, most) members, the support first, then the queries; what stands behind them is none.
        """


@final
class Free(Members):
    """Any examples, without replacement."""

    def __init__(self, catalogue: Catalogue, shape: Shape) -> None:
        self._sizes = catalogue.sizes
        self.width = _most(shape)

    def room(self, classes: IntArray, shots: IntArray | int) -> IntArray:
        """All that the support leaves."""
        return self._sizes[classes] - shots

    def draw(self, classes: IntArray, shots: IntArray, queries: IntArray, words: Words) -> IntArray:
        """Classes that give equally many examples at a time."""
        counts = shots + queries
        most = int(counts.max())
        if int(counts.min()) == most:
            return distinct(words[:, :most], self._sizes[classes])
        members = np.zeros((len(classes), most), dtype=np.int64)
        for count in np.unique(counts):
            rows = np.flatnonzero(counts == count)
            members[rows, :count] = distinct(words[rows, :count], self._sizes[classes[rows]])
        return members


@final
class Separate(Members):
    """Support and query examples that never share a group.

    A class's groups are put in random order; the support takes whole groups from the front
    until it has enough examples, the query draws from the rest. Where even the largest group
    in the support's last place leaves enough for the query, every order works: such classes
    serve, others are left out.
    """

    def __init__(self, catalogue: Catalogue, shape: Shape) -> None:
        assert shape.apart is not None
        codes = group_of(catalogue.example_groups, shape.apart, "example")
        self._codes: list[IntArray] = [
            np.unique(codes[a:b], return_inverse=True)[1].astype(np.int64)
            for a, b in zip(catalogue.offsets[:-1], catalogue.offsets[1:], strict=True)
        ]
        self._surely = catalogue.sizes - np.asarray([np.bincount(code).max() for code in self._codes])
        self._groups = max(int(code.max()) + 1 for code in self._codes)
        self.width = self._groups + _most(shape)

    def room(self, classes: IntArray, shots: IntArray | int) -> IntArray:
        """What is left where the largest group comes last into the support."""
        return self._surely[classes] - (shots - 1)

    def draw(self, classes: IntArray, shots: IntArray, queries: IntArray, words: Words) -> IntArray:
        """Rows of one class and of equal numbers at a time."""
        members = np.zeros((len(classes), int((shots + queries).max())), dtype=np.int64)
        kinds, kind = np.unique(np.stack([classes, shots, queries], axis=1), axis=0, return_inverse=True)
        for number, (one, shot, query) in enumerate(kinds.tolist()):
            rows = np.flatnonzero(kind.reshape(-1) == number)
            members[rows, : shot + query] = self._draw_class(self._codes[one], shot, query, words[rows])
        return members

    def _draw_class(self, codes: IntArray, shot: int, queries: int, words: Words) -> IntArray:
        groups = int(codes.max()) + 1
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
        query = distinct(draws[:, shot : shot + queries], len(codes) - split) + split[:, None]
        return np.take_along_axis(listed, np.concatenate([support, query], axis=1), axis=1)


@final
class Blocked(Members):
    """Examples of several parts, as the shares of an episode's sides say.

    Each part has words of its own, and its queries are drawn before its support: episodes of one
    number have the same queries whatever their support is made of.
    """

    def __init__(self, catalogue: Catalogue, shape: Shape, sides: Sides) -> None:
        blocks = catalogue.blocks
        assert blocks is not None
        self._support, self._query = sides.support, sides.query
        parts = len(blocks.names)
        labels = catalogue.labels
        self._sizes = np.bincount(labels * parts + blocks.of, minlength=parts * len(catalogue.classes))
        self._sizes = self._sizes.reshape(-1, parts).astype(np.int64)
        self._starts = np.cumsum(self._sizes, axis=1) - self._sizes
        self._most = _most(shape)
        self.width = parts * self._most

    def room(self, classes: IntArray, shots: IntArray | int) -> IntArray:
        """What the support leaves in the part that has least for its share; negative where the support
        itself asks for more than there is."""
        left = self._sizes[classes] - np.stack([_share(shots, self._support, k) for k in self._parts], -1)
        asked = [k for k in self._parts if self._query[k]]
        room = np.stack([left[:, k] // self._query[k] for k in asked]).min(axis=0) * sum(self._query)
        return np.where((left < 0).any(axis=1), -1, room)

    def draw(self, classes: IntArray, shots: IntArray, queries: IntArray, words: Words) -> IntArray:
        """Rows of equal numbers at a time, part by part."""
        members = np.zeros((len(classes), int((shots + queries).max())), dtype=np.int64)
        kinds, kind = np.unique(np.stack([shots, queries], axis=1), axis=0, return_inverse=True)
        for number, (shot, query) in enumerate(kinds.tolist()):
            rows = np.flatnonzero(kind.reshape(-1) == number)
            drawn = [self._of_part(k, classes[rows], shot, query, words[rows]) for k in self._parts]
            sides = [one for one, _ in drawn] + [one for _, one in drawn]
            members[rows, : shot + query] = np.concatenate(sides, axis=1)
        return members

    def _of_part(
        self, part: int, classes: IntArray, shot: int, query: int, words: Words
    ) -> tuple[IntArray, IntArray]:
        """Members of one part, for the support and for the queries."""
        first = query * self._query[part] // sum(self._query)
        count = first + shot * self._support[part] // sum(self._support)
        own = words[:, part * self._most : part * self._most + count]
        drawn = distinct(own, self._sizes[classes, part]) + self._starts[classes, part][:, None]
        return drawn[:, first:], drawn[:, :first]

    @property
    def _parts(self) -> range:
        return range(len(self._support))


def _share(count: IntArray | int, shares: Shares, part: int) -> Any:
    return count * shares[part] // sum(shares)


def members_of(catalogue: Catalogue, shape: Shape) -> list[Members]:
    """What draws the examples of episodes; one for each of the directions in which they take turns.

    Raises:
        DataError: a group that the source does not declare, or a shape that its parts cannot share.
    """
    if catalogue.blocks is None:
        return [(Separate if shape.apart else Free)(catalogue, shape)]
    if shape.apart:
        raise DataError(
            f"{shape}: examples of several modalities have no common groups that could be kept apart; leave "
            "'apart' out"
        )
    if problem := indivisible(shape, catalogue.blocks):
        raise DataError(f"{shape.asked}: {problem}")
    return [Blocked(catalogue, shape, sides) for sides in catalogue.blocks.sides]


def group_of(groups: Mapping[str, Any], name: str, kind: str) -> Any:
    """The values of a group that the source declares.

    Raises:
        DataError: it declares no such group.
    """
    if name not in groups:
        raise DataError(
            f"the source declares no {kind} group '{name}' (it has: {listing(groups)}){nearest(name, groups)}"
        )
    return groups[name]


def _most(shape: Shape) -> int:
    """Examples of a class in an episode at most."""
    return shape.shots.high + (shape.queries if isinstance(shape.queries, int) else shape.queries.total)
