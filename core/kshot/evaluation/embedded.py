"""Each example embedded once, where it has one embedding in all episodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from kshot.devices import sent
from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.interfaces import Learner
from kshot.loading import Loader, ResidentLoader, embed_examples
from kshot.rejection import Rejection
from kshot.sampling import BLOCK, AnySampler


@torch.no_grad()
def embedded(
    learner: Learner,
    loader: Loader,
    samplers: Sequence[AnySampler],
    episodes: int,
    rejection: Rejection | None,
    outside: Loader | None,
) -> tuple[Learner, Loader, Loader | None]:
    """The learner around embeddings, and loaders of those that the episodes and unknown queries need."""
    if isinstance(learner.encoder, Embedded):
        return learner, loader, outside
    if rejection is None or rejection.outside is None:
        outside = None
    known = np.zeros(len(loader.catalogue), dtype=bool)
    asked = np.zeros(len((outside or loader).catalogue), dtype=bool)
    for sampler in samplers:
        for drawn in sampler.blocks(sampler.count(episodes)):
            known[drawn.support] = True
            known[drawn.query] = True
            if known.all():  # as it soon is: what further episodes need is among it
                break
        if rejection:
            unknown = rejection.sampler(sampler)
            for numbers in sampler.batches(0, sampler.count(episodes), BLOCK):
                asked[unknown.take(numbers)] = True
    encoder = learner.encoder
    # By themselves: an example's embedding is the same in any company but for rounding.
    table = _table(encoder, loader, [known] if outside else [known, asked & ~known])
    strangers = _table(encoder, outside, [asked]) if outside else None
    width = table.gather(np.zeros(1, dtype=np.int64))[EMBEDDING].shape[-1]
    identity = Embedded(getattr(encoder, "modality", ""), width)
    return learner.around(identity), table, strangers


def _table(encoder: nn.Module, loader: Loader, passes: Sequence[np.ndarray]) -> ResidentLoader:
    """A loader of embeddings of the examples that are marked (N,), those of each pass by themselves."""
    places = [np.flatnonzero(one) for one in passes if one.any()]
    found = [embed_examples(encoder, loader, one) for one in places]
    table = found[0].new_zeros(len(loader.catalogue), found[0].shape[1])
    for positions, one in zip(places, found, strict=True):
        table[sent(positions, table.device)] = one
    return ResidentLoader(loader.catalogue, {EMBEDDING: table}, loader.device)
