"""Sources read from a user's own data: Parquet, CSV, JSON Lines, class folders, the hub."""

from __future__ import annotations

from kshot.splits import DEFAULT_SPLIT, SplitOptions
from kshot.tables.screening import OnError
from kshot.tables.source import TableSource, table_source

__all__ = ["DEFAULT_SPLIT", "OnError", "SplitOptions", "TableSource", "table_source"]
