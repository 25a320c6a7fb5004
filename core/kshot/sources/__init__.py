"""The core's own sources, which are made of others: what several have in common, and names as texts."""

from kshot.sources.aligned import Aligned
from kshot.sources.class_names import ClassNames
from kshot.sources.making import make_source

__all__ = ["Aligned", "ClassNames", "make_source"]
