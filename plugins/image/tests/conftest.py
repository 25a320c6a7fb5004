"""Shared by the image plugin's tests: a cache of their own, and real data where there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from kshot.interfaces import Source
from kshot_image.glyphs.source import glyphs


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What an earlier version left in the user's cache must not decide a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def letters() -> Source:
    """The embedded source with its default options, drawn once for all tests."""
    return glyphs()


@pytest.fixture(scope="session")
def omniglot_parquet() -> Path:
    return _real("omniglot.parquet")


@pytest.fixture(scope="session")
def omniglot_runs_zip() -> Path:
    return _real("omniglot_oneshot_runs.zip")


@pytest.fixture(scope="session")
def cifar_fs_parquet() -> Path:
    return _real("cifar_fs_trainval.parquet")


def _real(name: str) -> Path:
    data = Path(os.environ.get("KSHOT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = data / "images" / name
    if not path.is_file():
        pytest.skip(f"no pictures at {path}; set KSHOT_TEST_DATA to the folder of real data")
    return path
