"""Which examples make up episode i: a pure function, the same on every machine."""

from kshot.sampling.base import AnySampler, Drawn
from kshot.sampling.catalogue import Catalogue
from kshot.sampling.fixed import FixedSampler
from kshot.sampling.sampler import Sampler

__all__ = ["AnySampler", "Catalogue", "Drawn", "FixedSampler", "Sampler"]
