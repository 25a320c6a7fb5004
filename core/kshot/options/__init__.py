"""The options of a factory: its annotated keyword arguments, checked before it is called."""

from kshot.options.factory import OptionsOf, Resolved

__all__ = ["OptionsOf", "Resolved"]
