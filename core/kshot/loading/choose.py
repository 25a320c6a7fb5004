"""Which road a split takes: memory-resident while it fits, streaming beyond."""

from __future__ import annotations

import torch

from kshot.config import Loading
from kshot.interfaces import Encoder, Source
from kshot.loading.loader import Loader
from kshot.loading.prepare import collate, prepare
from kshot.loading.resident import ResidentLoader
from kshot.loading.streaming import StreamingLoader
from kshot.sampling import Catalogue

CHUNK = 256


def make_loader(
    source: Source, catalogue: Catalogue, encoder: Encoder, device: torch.device, options: Loading
) -> Loader:
    """A loader for one split; both roads give equal episodes."""
    rows = catalogue.rows
    first = prepare(encoder, source, rows[:CHUNK])
    per_example = sum(leaf[0].numel() * leaf.element_size() for leaf in first.values())
    if per_example * len(catalogue) > options.memory_gib * 2**30:
        return StreamingLoader(source, catalogue, encoder, device, options.workers)
    rest = [prepare(encoder, source, rows[start : start + CHUNK]) for start in range(CHUNK, len(rows), CHUNK)]
    return ResidentLoader(catalogue, collate([first, *rest]), device)
