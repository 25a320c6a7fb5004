"""The heavy libraries below tables, imported when a table is opened; neither ships types."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from kshot.errors import KshotError


def import_datasets() -> Any:
    """Hugging Face ``datasets``.

    Raises:
        KshotError: it is not installed.
    """
    try:
        return import_module("datasets")
    except ImportError as error:
        raise KshotError('tables are read by Hugging Face datasets: pip install "kshot[tables]"') from error


def import_arrow() -> tuple[Any, Any]:
    """``pyarrow`` and its ``compute``."""
    return import_module("pyarrow"), import_module("pyarrow.compute")


def import_parquet() -> Any:
    """``pyarrow.parquet``."""
    return import_module("pyarrow.parquet")


@contextmanager
def quiet_datasets() -> Generator[Any]:
    """The library, without its progress bars and log lines while this lasts.

    Raises:
        KshotError: it is not installed.
    """
    datasets = import_datasets()
    hub = import_module("huggingface_hub.utils.logging")  # tells of each attempt to reach the network
    bars = not datasets.are_progress_bars_disabled()
    levels = [(library, library.get_verbosity()) for library in (datasets.logging, hub)]
    if bars:
        datasets.disable_progress_bars()
    for library, _ in levels:
        library.set_verbosity(logging.CRITICAL)
    try:
        yield datasets
    finally:
        for library, level in levels:
            library.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()
