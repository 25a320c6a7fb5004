"""All that this plugin registers keeps the contracts of its kind."""

from __future__ import annotations

import pytest
from kshot.testing import PluginConformance, imports_of

SLOW = ("minilm", "pydocs")


class TestQuick(PluginConformance):
    plugin = "kshot-text"
    only = tuple(sorted({one.entry.name for one in imports_of("kshot-text")} - set(SLOW)))


@pytest.mark.slow
class TestSlow(PluginConformance):
    plugin = "kshot-text"
    only = SLOW
