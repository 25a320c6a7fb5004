"""Examples of several parts, each part's lying in a loader of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
from torch import Tensor

from kshot.episode import Episodes
from kshot.loading.loader import Loader
from kshot.loading.resident import gathered
from kshot.sampling import AnySampler, Catalogue


@final
class PartedLoader(Loader):
    """Episodes across modalities: a block of each is a gather from one part's loader.

    Loaders of the parts are made over the parts' own catalogues, so one serves whatever directions
    episodes have.

    Args:
        catalogue: of all parts.
        parts: a loader of each part, in the catalogue's order, all on one device.
    """

    def __init__(self, catalogue: Catalogue, parts: Sequence[Loader]) -> None:
        if catalogue.blocks is None or len(parts) != len(catalogue.blocks.names):
            raise ValueError(f"{len(parts)} loaders do not fit the parts of this catalogue")
        self.catalogue = catalogue
        self.device = parts[0].device
        known = [one.truncated for one in parts]
        self.truncated = None if None in known else sum(count or 0 for count in known)
        self._blocks, self._parts = catalogue.blocks, parts

    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(…,) positions of one part → leaves (…, features).

        Raises:
            ValueError: positions of several parts.
        """
        of = np.unique(self._blocks.of[positions])
        if len(of) != 1:
            raise ValueError(f"examples of {len(of)} parts cannot be one batch; gather each part by itself")
        return self._parts[int(of[0])].gather(self._blocks.place[positions])

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Draw and gather, batch by batch."""
        yield from gathered(self, sampler, start, stop, size)
