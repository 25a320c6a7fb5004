"""A GPU that is not there: ``pytest -p tests.pretended -m gpu`` runs the tests of GPUs without one.

Its tensors say that they lie on ``cuda`` and keep their numbers in main memory. As on a real GPU they may
not meet tensors of the CPU, nor a generator of the CPU draw them; and what would wait for the device is
found, under ``torch.cuda.set_sync_debug_mode("error")`` by an error. What it cannot tell: whether CUDA's
own kernels compute the right numbers, in which time, and in which memory. Where there is a GPU, it is
taken in place of this one.

torch knows the device as a backend in Python (its PrivateUse1 key, named ``pretended``); what Python sees
and says of devices is translated. A process that has met it once cannot forget it, so tests of the CPU run
in others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._decomp.decompositions import gru_impl, lstm_impl
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten = torch.ops.aten
REAL = torch.cuda.is_available()
NAME = "pretended"
GPU = torch.device("cuda", 0)

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
    elif kernel is aten._to_copy.default and there != on and not (on and kwargs.get("non_blocking")):
        WAITS.note("a copy to another device")
    elif kernel is aten.copy_.default and isinstance(args[0], There) != isinstance(args[1], There):
        if not (len(args) > 2 and args[2]):
            WAITS.note("a copy to another device")


def _lstm_cell(inputs, states, before, bias=None, other=None):
    gates = inputs + states if bias is None else inputs + states + bias + other
    one, two, three, four = gates.chunk(4, 1)
    one, two, three, four = one.sigmoid(), two.sigmoid(), three.tanh(), four.sigmoid()
    after = two * before + one * three
    return four * after.tanh(), after, torch.cat([one, two, three, four], 1)


def _lstm_cell_back(hidden, cell, before, after, kept, has_bias):
    one, two, three, four = kept.chunk(4, 1)
    out = after.tanh()
    hidden = torch.zeros_like(after) if hidden is None else hidden
    slope = hidden * four * (1 - out**2) + (0 if cell is None else cell)
    gates = torch.cat(
        [
            slope * three * one * (1 - one),
            slope * before * two * (1 - two),
            slope * one * (1 - three**2),
            hidden * out * four * (1 - four),
        ],
        1,
    )
    return gates, slope * two, gates.sum(0) if has_bias else None


def _gru_cell(inputs, states, before, bias=None, other=None):
    if bias is not None:
        inputs, states = inputs + bias, states + other
    ours, theirs = inputs.chunk(3, 1), states.chunk(3, 1)
    reset, update = (ours[0] + theirs[0]).sigmoid(), (ours[1] + theirs[1]).sigmoid()
    new = (ours[2] + reset * theirs[2]).tanh()
    return new + update * (before - new), torch.cat([reset, update, new, before, theirs[2]], 1)


def _gru_cell_back(hidden, kept, has_bias):
    reset, update, new, before, state = kept.chunk(5, 1)
    updated = hidden * (before - new) * update * (1 - update)
    newly = hidden * (1 - update) * (1 - new**2)
    resetting = newly * state * reset * (1 - reset)
    ours = torch.cat([resetting, updated, newly], 1)
    theirs = torch.cat([resetting, updated, newly * reset], 1)
    biases = (ours.sum(0), theirs.sum(0)) if has_bias else (None, None)
    return ours, theirs, hidden * update, *biases


KERNELS: dict[Any, Callable[..., Any]] = {
    aten._thnn_fused_lstm_cell.default: _lstm_cell,
    aten._thnn_fused_lstm_cell_backward_impl.default: _lstm_cell_back,
    aten._thnn_fused_gru_cell.default: _gru_cell,
    aten._thnn_fused_gru_cell_backward.default: _gru_cell_back,
    aten._fused_sdp_choice.default: lambda *args, **kwargs: 0,
}
"""Of what the CPU has no kernel; attention by plain products."""

LAYERS = {torch._VF.gru: gru_impl, torch._VF.lstm: lstm_impl}
"""Layers whose loops turn tensors in place."""


UNTRIED = {
    "test_a_gpu_that_is_short_of_memory_takes_half_a_meta_batch": "the pretended device is as large as main memory",
}
"""Tests of what only a GPU has."""


class Kernels(TorchDispatchMode):
    """Makes what is asked for on the device."""

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        return computed(kernel, args, kwargs or {})


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


class Autocast(torch.autocast):
    def __init__(self, device_type: str, *rest: Any, **named: Any) -> None:
        super().__init__(NAME if is_there(device_type) else device_type, *rest, **named)


DRAWS = Generator("cuda")
"""What the device draws by where nothing else is named."""


class Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def get_rng_state(self, device: object = None) -> Tensor:
        return DRAWS.get_state()

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        DRAWS.set_state(state)


HALVED = "mm addmm bmm baddbmm addbmm mv addmv matmul linear conv1d conv2d conv3d prelu"
SINGLE = (
    "exp log log1p log2 pow rsqrt reciprocal sum prod cumsum norm linalg_vector_norm softmax log_softmax softplus "
    "layer_norm group_norm cosine_similarity cdist cross_entropy_loss nll_loss mse_loss kl_div "
    "binary_cross_entropy_with_logits"
)
WIDEST = "cat stack index_put dot addcmul addcdiv scatter_add"
"""What CUDA computes in which precision under autocast, as torch's notes on it tell."""


def _autocasting() -> list[torch.library.Library]:
    """The device's rules of autocast."""
    others = torch.library.Library("_", "IMPL")
    others.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    library = torch.library.Library("aten", "IMPL", "AutocastPrivateUse1")
    key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def cast(one: Any, dtype: torch.dtype) -> Any:
        eligible = isinstance(one, Tensor) and one.is_floating_point() and one.dtype != torch.float64
        return one.to(dtype) if eligible and one.device.type == NAME else one

    def rule(operator: Any, choose: Callable[[list[torch.dtype]], torch.dtype]) -> Callable[..., Any]:
        def kernel(*args: Any, **kwargs: Any) -> Any:
            with torch._C._ExcludeDispatchKeyGuard(key):
                met = [one.dtype for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
                dtype = choose(met)
                return operator(*tree_map(lambda one: cast(one, dtype), args), **kwargs)

        return kernel

    rules = {
        HALVED: lambda met: torch.get_autocast_dtype(NAME),
        SINGLE: lambda met: torch.float32,
        WIDEST: lambda met: torch.float32 if torch.float32 in met else torch.get_autocast_dtype(NAME),
    }
    for names, choose in rules.items():
        for name in names.split():
            packet = getattr(aten, name)
            for overload in packet.overloads():
                if "out" not in overload:
                    operator = getattr(packet, overload)
                    library.impl(operator, rule(operator, choose))
    return [library, others]


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


if not REAL:
    _setup_privateuseone_for_python_backend(NAME, Backend())
    AUTOCAST = _autocasting()
    # Tests ask for these as they are collected, and after they were called.
    torch.cuda.is_available = lambda: True
    torch.cuda.set_sync_debug_mode = WAITS.mode


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Tests of GPUs meet the device; others do not."""
    if REAL or pyfuncitem.get_closest_marker("gpu") is None:
        return (yield)
    if pyfuncitem.originalname in UNTRIED:
        pytest.skip(UNTRIED[pyfuncitem.originalname])
    with pretended():
        return (yield)
