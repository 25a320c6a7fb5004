"""One watched process for all tests of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Victim, tried


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Started when first asked."""
    made = Victim(tmp_path_factory.mktemp("victim"))
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where KSHOT_HOSTILE_COUNTS names a file, how many pieces of input each test gave to what goes there."""
    tried.clear()
    yield
    if path := os.environ.get("KSHOT_HOSTILE_COUNTS"):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.writelines(
                f"{request.node.name} {deed} {count}\n" for deed, count in sorted(tried.items())
            )
