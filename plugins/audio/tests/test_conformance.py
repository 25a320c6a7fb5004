"""All that this plugin registers keeps the contracts of its kind."""

from __future__ import annotations

import pytest
from kshot.testing import PluginConformance, imports_of

SLOW = ("ecapa", "ge2e", "hf-audio", "hf-xvector", "speech_embedding")


class TestQuick(PluginConformance):
    plugin = "kshot-audio"
    only = tuple(sorted({one.entry.name for one in imports_of("kshot-audio")} - set(SLOW)))


@pytest.mark.slow
class TestSlow(PluginConformance):
    plugin = "kshot-audio"
    only = SLOW
