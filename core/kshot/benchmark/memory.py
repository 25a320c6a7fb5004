"""The peak of memory in use while a block runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self, final

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


@final
class MemoryPeak:
    """Measures the device's allocator on CUDA; elsewhere the process's resident memory, on Linux."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._usable = False

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._usable = True
        else:
            try:
                _RESET.write_text("5")  # proc(5): resets the peak resident set size
                self._usable = True
            except OSError:
                self._usable = False
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing to undo."""

    def bytes(self) -> int | None:
        """The peak since the block was entered; None where it cannot be measured."""
        if not self._usable:
            return None
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        match = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        return int(match[1]) * 1024 if match else None
