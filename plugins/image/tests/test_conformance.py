"""All that this plugin registers keeps the contracts of its kind."""

from __future__ import annotations

import pytest
from kshot.testing import PluginConformance, imports_of

SLOW = ("efficientnet_lite0", "torchvision", "glyphs")


class TestQuick(PluginConformance):
    plugin = "kshot-image"
    only = tuple(sorted({one.entry.name for one in imports_of("kshot-image")} - set(SLOW)))


@pytest.mark.slow
class TestSlow(PluginConformance):
    plugin = "kshot-image"
    only = SLOW
