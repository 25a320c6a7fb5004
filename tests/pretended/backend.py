"""The device as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from .autocast import Autocast, autocast_rules
from .names import GPU, Generator, Names
from .tensors import NAME, WAITS, Kernels

DRAWS = Generator("cuda")
"""What the device draws by where nothing else is named."""


class Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def get_rng_state(self, device: object = None) -> Tensor:
        return DRAWS.get_state()

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        DRAWS.set_state(state)


def register() -> list[torch.library.Library]:
    """Make the device known to this process, which cannot forget it; the result holds its rules."""
    _setup_privateuseone_for_python_backend(NAME, Backend())
    # Tests ask for these as they are collected, and after they were called.
    torch.cuda.is_available = lambda: True
    torch.cuda.set_sync_debug_mode = WAITS.mode
    return autocast_rules()


@contextmanager
def pretended() -> Iterator[None]:
    """The device is there."""
    backend = torch.get_device_module(NAME)
    said = {
        "is_initialized": lambda: True,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "synchronize": lambda device=None: None,
        "empty_cache": lambda: None,
        "get_device_name": lambda device=None: NAME,
        "is_bf16_supported": lambda *given, **named: True,
        "reset_peak_memory_stats": lambda device=None: None,
        "max_memory_allocated": lambda device=None: 1,
        "get_rng_state": backend.get_rng_state,
        "set_rng_state": backend.set_rng_state,
        "manual_seed": DRAWS.manual_seed,
        "manual_seed_all": DRAWS.manual_seed,
        "default_generators": (DRAWS,),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, one in said.items():
            patch.setattr(torch.cuda, name, one)
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(torch, "autocast", Autocast)
        patch.setattr(Tensor, "pin_memory", Tensor.clone)
        patch.setattr(Tensor, "cuda", lambda tensor: tensor.to(GPU))
        patch.setattr(torch.backends.cudnn, "enabled", False)
        # Lists become tensors in main memory, and are sent: what torch makes of them by itself passes no mode.
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            with Kernels(), Names():
                yield
        finally:
            torch._C._set_only_lift_cpu_tensors(False)
