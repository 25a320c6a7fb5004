"""What a module and the process remember, before and after something that should change nothing."""

from __future__ import annotations

import random
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

_Memory = dict[str, Any]


class Snapshot:
    """Parameters, buffers, extra state, gradients, flags and attributes of a module and of all
    modules in it, and the global random states of torch, NumPy and Python.

    Args:
        module: what is watched.
        device: whose random state is watched beside the CPU's.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self._module, self._device = module, device
        self._before = _memory(module, device)

    def changes(self) -> list[str]:
        """Names of what is no longer as it was."""
        after = _memory(self._module, self._device)
        names = [*self._before, *(name for name in after if name not in self._before)]
        return [
            name for name in names if not _same(self._before.get(name, _ABSENT), after.get(name, _ABSENT))
        ]


_ABSENT = object()


def _memory(module: nn.Module, device: torch.device) -> _Memory:
    memory: _Memory = dict(_random_states(device))
    for name, value in module.state_dict().items():
        memory[f"state '{name}'"] = _kept(value)
    for name, parameter in module.named_parameters():
        memory[f"parameter '{name}' itself"] = parameter
        memory[f"gradient of '{name}'"] = _kept(parameter.grad)
        memory[f"requires_grad of '{name}'"] = parameter.requires_grad
    for path, part in module.named_modules():
        for name, value in _attributes(part).items():
            memory[f"attribute '{f'{path}.{name}' if path else name}'"] = _kept(value)
    return memory


def _attributes(part: nn.Module) -> dict[str, Any]:
    """Buffers apart, which are compared by value; of torch's own modules, which keep caches of
    their own (an LSTM of its weights), only the mode."""
    if type(part).__module__.startswith("torch."):
        return {"training": part.training}
    return {name: value for name, value in vars(part).items() if name != "_buffers"}


def _random_states(device: torch.device) -> _Memory:
    states: _Memory = {"torch's random state": torch.random.get_rng_state()}
    if device.type == "cuda":
        states["CUDA's random state"] = torch.cuda.get_rng_state(device)
    kind, words, position, *_ = cast("tuple[Any, ...]", np.random.get_state())
    states["NumPy's random state"] = f"{kind} {words.tobytes().hex()} {position}"
    states["Python's random state"] = str(random.getstate())
    return states


def _kept(value: Any) -> Any:
    """Something that later changes of ``value`` in place do not reach."""
    if isinstance(value, nn.Parameter):
        return value  # compared by identity, its content as state
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).copy()
    if isinstance(value, list):
        return cast("list[Any]", value).copy()
    if isinstance(value, set):
        return cast("set[Any]", value).copy()
    return value


def _same(before: Any, after: Any) -> bool:
    if before is after:
        return True
    if type(before) is not type(after):
        return False
    if isinstance(before, nn.Parameter):
        return False
    if isinstance(before, Tensor):
        return before.shape == after.shape and before.dtype == after.dtype and torch.equal(before, after)
    if isinstance(before, dict):
        old = cast("dict[Any, Any]", before)
        return list(old) == list(after) and all(_same(old[key], after[key]) for key in old)
    if isinstance(before, list):
        old_list = cast("list[Any]", before)
        return len(old_list) == len(after) and all(_same(a, b) for a, b in zip(old_list, after, strict=True))
    if isinstance(before, set | str | int | float | tuple):
        return bool(before == after)
    return False
