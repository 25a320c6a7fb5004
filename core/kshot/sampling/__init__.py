"""Which examples make up episode i: a pure function, the same on every machine."""

from kshot.sampling.base import BLOCK, AnySampler, Drawn
from kshot.sampling.catalogue import Catalogue
from kshot.sampling.fixed import FixedSampler
from kshot.sampling.sampler import Sampler
from kshot.sampling.unknown import UnknownSampler

__all__ = ["BLOCK", "AnySampler", "Catalogue", "Drawn", "FixedSampler", "Sampler", "UnknownSampler"]
