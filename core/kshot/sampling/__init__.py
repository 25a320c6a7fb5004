"""Which examples make up episode i: a pure function, the same on every machine."""

from kshot.sampling.base import BLOCK, AnySampler, Drawn
from kshot.sampling.blocks import Blocks, Sides, shares_of
from kshot.sampling.catalogue import Catalogue, firsts
from kshot.sampling.fixed import FixedSampler
from kshot.sampling.sampler import Sampler
from kshot.sampling.unknown import OtherClasses, OutOfScope, UnknownSampler

__all__ = [
    "BLOCK",
    "AnySampler",
    "Blocks",
    "Catalogue",
    "Drawn",
    "FixedSampler",
    "OtherClasses",
    "OutOfScope",
    "Sampler",
    "Sides",
    "UnknownSampler",
    "firsts",
    "shares_of",
]
