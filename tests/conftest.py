"""Shared by all tests: where real data lies, a cache of its own, one thread a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tests run side by side; two threads each would fight for the cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real data beside the repository; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("KSHOT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KSHOT_TEST_DATA to its folder")
    return folder
