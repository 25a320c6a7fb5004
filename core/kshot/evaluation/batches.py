"""How many episodes are classified together."""

from __future__ import annotations

from kshot.encoders import Embedded
from kshot.interfaces import Learner
from kshot.loading import Loader
from kshot.sampling import AnySampler, firsts

EMBEDDED_NUMBERS = {"cpu": 2**22, "cuda": 2**26}
RAW_NUMBERS = {"cpu": 2**20, "cuda": 2**24}
"""Numbers in the inputs of the episodes that are classified together, embedded or not: bounds
memory. What an encoder makes of its inputs on the way is tens of times larger. On a CPU they are
what its cache holds; a GPU would wait for the interpreter between batches as small as that."""


def batch_size(learner: Learner, loader: Loader, sampler: AnySampler) -> int:
    """Episodes per batch: a function of shapes and the kind of device, so that results do not depend on
    the machine's load."""
    each = firsts(loader.catalogue)[:, None]
    example = max(sum(leaf.numel() for leaf in loader.gather(first).values()) for first in each)
    numbers = EMBEDDED_NUMBERS if isinstance(learner.encoder, Embedded) else RAW_NUMBERS
    limit = numbers.get(loader.device.type, numbers["cpu"])
    inputs = example * sampler.shape.most_examples
    return max(1, limit // (inputs + learner.weights_per_episode()))
