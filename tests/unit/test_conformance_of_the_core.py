"""All that the core registers keeps the contracts of its kind."""

from __future__ import annotations

from kshot.testing import PluginConformance


class TestCore(PluginConformance):
    plugin = "kshot"
