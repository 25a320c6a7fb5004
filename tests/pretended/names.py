"""What Python says and sees: ``cuda`` in place of the pretended backend."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch._decomp.decompositions import gru_impl, lstm_impl
from torch.overrides import TorchFunctionMode

from .tensors import NAME, There, is_there

GPU = torch.device("cuda", 0)

LAYERS = {torch._VF.gru: gru_impl, torch._VF.lstm: lstm_impl}
"""Layers whose loops turn tensors in place."""


class Names(TorchFunctionMode):
    """``cuda`` to Python is the pretended backend to torch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.device:
            return function(*args, **kwargs)
        if function == Tensor.is_cuda.__get__:
            return args[0].device.type == NAME
        if function is Tensor.tolist and isinstance(args[0], There):
            return args[0].cpu().tolist()
        if function in LAYERS and args[0].device.type == NAME:
            with self:
                return LAYERS[function](*args)
        self._refuse(function, args, kwargs)
        told = {name: self._told(one) for name, one in kwargs.items()}
        result = function(*(self._told(one) for one in args), **told)
        return GPU if isinstance(result, torch.device) and result.type == NAME else result

    @staticmethod
    def _told(one: Any) -> Any:
        named = one if isinstance(one, str) and one.startswith("cuda") else None
        return f"{NAME}:0" if named or (isinstance(one, torch.device) and one.type == "cuda") else one

    @staticmethod
    def _refuse(function: Any, args: tuple, kwargs: dict) -> None:
        generator = kwargs.get("generator")
        if generator is None:
            return
        device = kwargs.get("device")
        if device is None:
            device = next((one.device for one in args if isinstance(one, Tensor)), "cpu")
        if is_there(device) != is_there(generator.device):
            raise RuntimeError(f"Expected a '{device}' device type for generator: {function}")


class Generator(torch.Generator):
    """Draws by the CPU's numbers, for the device that it names."""

    def __new__(cls, device: torch.device | str = "cpu"):
        made = super().__new__(cls, "cpu")
        made.named = GPU if is_there(device) else torch.device("cpu")
        return made

    @property
    def device(self) -> torch.device:
        return self.named
