"""Raw examples by position, and batches of prepared inputs joined into one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder, Source
from kshot.sampling import Catalogue

TRUNCATED = "truncated"
"""Name of the input (B,) bool that tells which examples were cut at the encoder's maximum length."""


def truncated_in(inputs: Inputs) -> int:
    """How many of some prepared examples were cut; none of an encoder that does not tell."""
    return int(inputs[TRUNCATED].sum()) if TRUNCATED in inputs else 0


class RawExamples(Sequence[Any]):
    """The raw examples of some positions, fetched one at a time as they are asked for."""

    def __init__(self, source: Source, rows: Sequence[int] | np.ndarray) -> None:
        self._source = source
        self._rows = rows

    @classmethod
    def of_split(cls, source: Source, catalogue: Catalogue) -> RawExamples:
        """All examples of a split, in the catalogue's order."""
        return cls(source, catalogue.rows)

    def __len__(self) -> int:
        """Number of examples."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> RawExamples: ...
    def __getitem__(self, index: int | slice) -> Any:
        """A raw example, or a lazy stretch of them."""
        if isinstance(index, slice):
            return RawExamples(self._source, self._rows[index])
        return self._source.fetch(int(self._rows[index]))


def prepare(encoder: Encoder, source: Source, rows: Sequence[int] | np.ndarray) -> Inputs:
    """Fetch rows of a source and prepare them: each leaf (B, …).

    Raises:
        DataError: an example cannot be fetched or prepared; names it.
    """
    raw = RawExamples(source, rows)
    try:
        return encoder.prepare(raw)
    except DataError:
        for place, error in refusals(encoder, raw):
            raise DataError(f"{source.place(int(rows[place]))}: {error}") from error
        raise


def refusals(encoder: Encoder, raw: Sequence[Any]) -> Iterator[tuple[int, DataError]]:
    """Which raw examples of a batch that an encoder refused it refuses by themselves, by their place in the batch:
    it does not know where they come from, and is asked for them singly."""
    for place in range(len(raw)):
        one = raw[place]
        try:
            encoder.prepare([one])
        except DataError as error:
            yield place, error


def collate(batches: Sequence[Inputs]) -> dict[str, Tensor]:
    """Join inputs along their first dimension; other dimensions are zero-padded on the right."""
    return {name: _join([batch[name] for batch in batches]) for name in batches[0]}


def _join(leaves: list[Tensor]) -> Tensor:
    sizes = np.asarray([leaf.shape[1:] for leaf in leaves])
    if sizes.shape[1] and (sizes != sizes[0]).any():
        leaves = [_padded(leaf, sizes.max(axis=0)) for leaf in leaves]
    return torch.cat(leaves)


def _padded(leaf: Tensor, target: np.ndarray) -> Tensor:
    missing = target - np.asarray(leaf.shape[1:])
    return F.pad(leaf, [int(amount) for gap in missing[::-1] for amount in (0, gap)])


def trimmed(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Cut padding that all examples share, where an ``attention_mask`` (…, L) shows it.

    Leaves with the mask's own dimensions, and any after them, are cut to the longest example.
    """
    mask = inputs.get("attention_mask")
    if mask is None or mask.ndim < 2:
        return dict(inputs)
    used = mask.flatten(0, -2).any(dim=0).nonzero()
    length = int(used[-1]) + 1 if len(used) else 1
    place = mask.ndim - 1
    return {
        name: leaf.narrow(place, 0, length) if leaf.shape[: place + 1] == mask.shape else leaf
        for name, leaf in inputs.items()
    }
