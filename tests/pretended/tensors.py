"""Tensors of the pretended device: what they compute, refuse and wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from .cells import CELLS

aten = torch.ops.aten
NAME = "pretended"
"""The backend, to torch."""

CROSSING = {aten._to_copy.default, aten.copy_.default}
"""What takes tensors of two devices."""

WAITING = (
    "aten::_local_scalar_dense",
    "aten::nonzero",
    "aten::masked_select",
    "aten::_unique",
    "aten::unique",
    "aten::equal",
    "aten::is_nonzero",
    "aten::bincount",
    "aten::repeat_interleave.Tensor",
)
"""Beginnings of the names of kernels that need a number before they can go on."""

INDEXING = ("aten::index.", "aten::index_put", "aten::_index_put_impl", "aten::_unsafe_index")


class There(torch.Tensor):
    """A tensor that lies on the pretended device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> There:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            layout=inner.layout,
            device=f"{NAME}:0",
        )
        made.inner = inner
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self) -> str:
        return f"There({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, kernel, types, args=(), kwargs=None):
        return computed(kernel, args, kwargs or {})


class Waits:
    """What would have waited for the device, since it was asked to tell."""

    strict = False

    def note(self, name: str) -> None:
        if self.strict:
            raise RuntimeError(f"called a synchronizing CUDA operation: {name}")

    def mode(self, name: str) -> None:
        self.strict = name == "error"


WAITS = Waits()


def computed(kernel: Any, args: tuple, kwargs: dict) -> Any:
    """One kernel's results, by the CPU's kernel on the numbers themselves."""
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    there = [one for one in tensors if isinstance(one, There)]
    device = kwargs.get("device")
    on = bool(there) if device is None else is_there(device)
    if not there and not on:
        return kernel(*args, **kwargs)
    _refuse(kernel, args, there, [one for one in tensors if not isinstance(one, There)])
    _wait(kernel, args, kwargs, bool(there), on)
    named = {name: _below(one) for name, one in kwargs.items() if name != "pin_memory"}
    if kernel is aten._to_copy.default:
        named = {name: one for name, one in named.items() if name not in ("device", "non_blocking")}
    result = KERNELS.get(kernel, kernel)(*tree_map(_below, args), **named)
    if not on:
        return result
    written = {id(one.inner): one for one in there} if kernel._schema.is_mutable else {}
    result = tree_map(
        lambda one: written.get(id(one), There(one)) if isinstance(one, Tensor) else one, result
    )
    if any(one.inner.shape != one.shape for one in written.values()):
        raise NotImplementedError(f"{kernel.name()} changes a shape in place, which is not pretended")
    if any(one.alias_info for one in kernel._schema.returns):
        return return_and_correct_aliasing(kernel, args, kwargs, result)
    return result


def is_there(device: torch.device | str) -> bool:
    return torch.device(device).type in ("cuda", NAME)


def _below(one: Any) -> Any:
    if isinstance(one, There):
        return one.inner
    return torch.device("cpu") if isinstance(one, torch.device) else one


def _refuse(kernel: Any, args: tuple, there: list[There], here: list[Tensor]) -> None:
    """Tensors of the CPU beside those of the device: single numbers may stand there, and indices."""
    name = kernel.name()
    if not there or not here or kernel in CROSSING:
        return
    if name.startswith(INDEXING) and isinstance(args[0], There):
        WAITS.note(f"{name} by indices of the CPU")
    elif any(one.dim() for one in here) or name.startswith(
        ("aten::cat", "aten::stack", "aten::index_select")
    ):
        raise RuntimeError(f"Expected all tensors to be on the same device: {name}")


def _wait(kernel: Any, args: tuple, kwargs: dict, there: bool, on: bool) -> None:
    """Note what waits: for a number, for a mask's count, for a copy that is not told to go by itself."""
    name = kernel.name()
    if name.startswith(WAITING):
        WAITS.note(name)
    elif name.startswith(INDEXING) and any(one is not None and one.dtype == torch.bool for one in args[1]):
        # A single number under a mask is written without counting.
        if len(args) < 3 or args[2].numel() > 1:
            WAITS.note(f"{name} by a mask")
    elif _crosses(kernel, args, kwargs, there, on):
        WAITS.note("a copy to another device")


def _crosses(kernel: Any, args: tuple, kwargs: dict, there: bool, on: bool) -> bool:
    """True for a copy to another device that is not told to go by itself."""
    if kernel is aten._to_copy.default:
        return there != on and not (on and kwargs.get("non_blocking"))
    if kernel is aten.copy_.default:
        return isinstance(args[0], There) != isinstance(args[1], There) and args[2:] != (True,)
    return False


KERNELS: dict[Any, Callable[..., Any]] = {**CELLS, aten._fused_sdp_choice.default: lambda *args, **kwargs: 0}
"""What the CPU's kernels do not do; attention goes by plain products."""


class Kernels(TorchDispatchMode):
    """Makes what is asked for on the device."""

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        return computed(kernel, args, kwargs or {})
