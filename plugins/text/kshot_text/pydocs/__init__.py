"""The embedded text source: docstrings of the running Python's standard library."""

from kshot_text.pydocs.source import PyDocs, pydocs

__all__ = ["PyDocs", "pydocs"]
