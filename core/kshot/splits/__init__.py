"""Which classes belong to training, validation and test: given, read from a file, or drawn."""

from __future__ import annotations

from kshot.splits.assign import assign
from kshot.splits.options import ClassSplit, ColumnSplit, FileSplit, FractionSplit, SplitOptions

__all__ = ["ClassSplit", "ColumnSplit", "FileSplit", "FractionSplit", "SplitOptions", "assign"]
