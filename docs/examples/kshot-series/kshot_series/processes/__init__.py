"""The embedded source: random processes, drawn when they are asked for."""

from kshot_series.processes.source import Processes

__all__ = ["Processes"]
