"""Which encoders, learners, sources and metrics are installed, and who brings each.

One broken plugin never stops the others: it is kept with its reason, and only a run that asks
for what it brings meets the error.
"""

from kshot.registry.book import Registry
from kshot.registry.entry import Entry
from kshot.registry.load import load_registry
from kshot.registry.report import PluginReport
from kshot.registry.session import (
    register_encoder,
    register_learner,
    register_metric,
    register_reader,
    register_source,
)

__all__ = [
    "Entry",
    "PluginReport",
    "Registry",
    "load_registry",
    "register_encoder",
    "register_learner",
    "register_metric",
    "register_reader",
    "register_source",
]
