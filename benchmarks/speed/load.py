"""How busy the machine is with what is not ours: timings beside foreign work tell nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

BOUND = 0.1
"""Busy cores that are not ours, at most, in a turn that counts."""

_HERTZ = 100
"""Ticks of /proc/stat a second, on every Linux that there is."""


@dataclass(frozen=True)
class Load:
    """Since :meth:`now`: seconds gone, and processor seconds that all processes took."""

    at: float
    busy: float

    @classmethod
    def now(cls) -> Load:
        """Reads the system's counters.

        Raises:
            SystemExit: the system has none (it is not Linux).
        """
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        except OSError as error:
            raise SystemExit(f"the load of this machine cannot be read: {error}") from error
        user, nice, system, _idle, _wait, interrupt, soft, steal = (int(field) for field in fields[:8])
        return cls(time.perf_counter(), (user + nice + system + interrupt + soft + steal) / _HERTZ)

    def foreign(self, own: float) -> float:
        """Cores that others kept busy since then, given the processor seconds of our own."""
        now = Load.now()
        return max(0.0, now.busy - self.busy - own) / (now.at - self.at)
