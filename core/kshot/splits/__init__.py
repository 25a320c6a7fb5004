"""Which classes belong to training, validation and test: given, read from a file, or drawn."""

from __future__ import annotations

from kshot.splits.assign import assign
from kshot.splits.options import (
    DEFAULT_SPLIT,
    ClassSplit,
    ColumnSplit,
    FileSplit,
    FractionSplit,
    SplitOptions,
    rule_of,
)

__all__ = [
    "DEFAULT_SPLIT",
    "ClassSplit",
    "ColumnSplit",
    "FileSplit",
    "FractionSplit",
    "SplitOptions",
    "assign",
    "rule_of",
]
