"""A few examples of a split, prepared once, so that timings hold no decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
import torch
from torch import Tensor

from kshot.devices import sent
from kshot.episode import Episodes
from kshot.interfaces import Encoder, Source, Split
from kshot.loading import Loader, PartedLoader, SensedSource, collate
from kshot.loading.prepare import prepare
from kshot.loading.resident import gathered
from kshot.sampling import AnySampler, Catalogue

CHUNK = 256


@final
class Held(Loader):
    """Some positions of a split; to ask for others is a mistake.

    Args:
        source: fetches raw examples.
        catalogue: of the split, whose examples are of one part.
        encoder: prepares them.
        device: where they are put.
        positions: (n,) of them, one at least.
    """

    def __init__(
        self,
        source: Source,
        catalogue: Catalogue,
        encoder: Encoder,
        device: torch.device,
        positions: np.ndarray,
    ) -> None:
        self.catalogue, self.device = catalogue, device
        self._positions = np.unique(positions)
        rows = catalogue.rows[self._positions]
        parts = [prepare(encoder, source, rows[at : at + CHUNK]) for at in range(0, len(rows), CHUNK)]
        self._inputs = {name: leaf.to(device) for name, leaf in collate(parts).items()}

    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(…,) positions → leaves (…, features)."""
        places = np.searchsorted(self._positions, positions)
        if not np.array_equal(self._positions.take(places, mode="clip"), positions):
            raise IndexError("examples that are not held")
        index = sent(places, self.device)
        return {name: leaf[index] for name, leaf in self._inputs.items()}

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Draw and gather, batch by batch."""
        yield from gathered(self, sampler, start, stop, size)


def hold(
    source: Source, split: Split, encoder: Encoder, device: torch.device, positions: np.ndarray
) -> Loader:
    """A loader of (n,) positions of a split, whatever its examples are made of."""
    catalogue = source.catalogue(split)
    blocks = catalogue.blocks
    if blocks is None:
        return Held(source, catalogue, encoder, device, positions)
    parts: list[Loader] = []
    for number, part in enumerate(source.parts.values()):
        own = blocks.place[positions[blocks.of[positions] == number]]
        # A part from which nothing is asked has a loader all the same.
        some = own if len(own) else np.zeros(1, dtype=np.int64)
        parts.append(Held(SensedSource(part), part.catalogue(split), encoder, device, some))
    return PartedLoader(catalogue, parts)
