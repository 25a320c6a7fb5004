"""Shared by the plugin's tests: a cache of their own, the embedded source parsed once, real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from kshot.interfaces import Source


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def pydocs(_own_cache: None) -> Source:
    from kshot_text.pydocs import pydocs

    return pydocs()


@pytest.fixture(scope="session")
def texts(pydocs: Source) -> list[str]:
    """Training texts of the embedded source."""
    return [pydocs.fetch(int(row)) for row in pydocs.catalogue("train").rows]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real data beside the repository; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("KSHOT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set KSHOT_TEST_DATA to its folder")
    return folder
