"""Which examples make up episode i: a pure function, the same on every machine."""

from kshot.sampling.catalogue import Catalogue
from kshot.sampling.sampler import Drawn, Sampler

__all__ = ["Catalogue", "Drawn", "Sampler"]
