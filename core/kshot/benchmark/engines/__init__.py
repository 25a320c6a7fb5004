"""Where cells are computed: here, one after the other, or on a cluster."""

from kshot.benchmark.engines.attempt import attempt
from kshot.benchmark.engines.engine import Engine
from kshot.benchmark.engines.local import Local

__all__ = ["Engine", "Local", "attempt"]
