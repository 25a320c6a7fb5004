"""A module whose content comes from cells that are run one after the other, as in a notebook."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from kshot.registry.session import forget_session

IMPORTS = """
import numpy as np
import torch
import kshot
from kshot.episode import Inputs
from kshot.errors import DataError
from kshot.interfaces import Encoder, Learner, Presentation, Reader, Source
from kshot.sampling import Catalogue
"""


class Notebook:
    """Cells share their names; ``run`` one with another text to change what it defines."""

    def __init__(self, name: str) -> None:
        self.module = types.ModuleType(name)
        sys.modules[name] = self.module
        self.run(IMPORTS)

    def run(self, cell: str) -> None:
        exec(compile(cell, "<cell>", "exec"), vars(self.module))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch):
    """An empty one; what it registers is forgotten."""
    monkeypatch.delenv("KSHOT_PLUGINS", raising=False)
    forget_session()
    yield Notebook("kshot_test_notebook")
    forget_session()
    del sys.modules["kshot_test_notebook"]
