"""The core's own sources, which are made of others: what several have in common, and names as texts."""

from kshot.sources.aligned import Aligned
from kshot.sources.class_names import ClassNames

__all__ = ["Aligned", "ClassNames"]
