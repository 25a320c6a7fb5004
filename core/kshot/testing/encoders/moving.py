"""An encoder computes where, and in what, its parameters and inputs are; and with the weights it is given."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from kshot.episode import Inputs
from kshot.interfaces import Encoder
from kshot.testing.encoders.embeddings import embed
from kshot.testing.expectations import expect, expect_close, expect_finite, name_of
from kshot.testing.snapshot import Snapshot
from kshot.testing.subject import CPU, Subject

NEAR = 1e-2
"""How far a device's float32 embeddings may lie from the CPU's, relative to the largest (TF32)."""


def check_dtype(subject: Subject) -> None:
    """In float64 the embeddings are float64; under bfloat16 autocast they are finite."""
    encoder = subject.encoder(torch.float64).eval()
    who = name_of(encoder, subject)
    embedded = embed(encoder, _some(subject, torch.float64))
    right = embedded.dtype == torch.float64
    expect(right, who, f"in float64 it gives {embedded.dtype}", "make tensors with the type of those at hand")
    single = subject.encoder().eval()
    with torch.autocast(subject.device.type, torch.bfloat16):
        half = embed(single, _some(subject))
    expect_finite(half, who, "under bfloat16 autocast it embeds as NaN or infinity", "widen what overflows")


def check_device(subject: Subject) -> None:
    """All that it computes with goes where ``.to(device)`` sends it, and what it makes on the way is
    made beside its inputs: on the CPU, with another default device, on a GPU, and back."""
    encoder = subject.encoder().eval()
    who, inputs = name_of(encoder, subject), _some(subject)
    left = sorted(name for name, tensor in _unregistered(encoder) if tensor.numel())
    mend = "register it as a buffer, so that .to() moves it"
    expect(not left, who, f"{', '.join(left[:4])} is a tensor but neither parameter nor buffer", mend)
    expected = embed(encoder, inputs)
    mend = "give every tensor that forward() makes the device of its inputs"
    mixes = _mixes_devices(encoder, inputs, expected)
    expect(not mixes, who, "forward() mixes in tensors of the default device", mend)
    if subject.device != CPU:
        near = NEAR * float(expected.abs().max())
        back = embed(encoder.to(CPU), {name: leaf.to(CPU) for name, leaf in inputs.items()})
        expect_close(back, expected.to(CPU), who, "the CPU embeds otherwise", mend, rtol=0, atol=near)


def check_functional_call(subject: Subject) -> None:
    """``torch.func.functional_call`` with other weights embeds as the encoder does once it has them,
    and leaves the encoder's own alone."""
    encoder = subject.encoder(torch.float64).eval()
    who, inputs = name_of(encoder, subject), _some(subject, torch.float64)
    weights = {name: value.detach() for name, value in encoder.named_parameters()}
    if not weights:
        raise SkipTest(f"{who} has no parameters")
    generator = torch.Generator().manual_seed(8)
    moved = {
        name: value + 0.01 * torch.randn(value.shape, generator=generator).to(value)
        for name, value in weights.items()
    }
    other = copy.deepcopy(encoder)
    with torch.no_grad():
        for name, value in other.named_parameters():
            value.copy_(moved[name])
        snapshot = Snapshot(encoder, subject.device)
        given = functional_call(encoder, moved, (inputs,))
    mend = "look parameters up as attributes in forward(), and keep nothing that was computed from them"
    expect_close(
        given, embed(other, inputs), who, "functional_call with other weights embeds otherwise", mend
    )
    changes = snapshot.changes()
    expect(not changes, who, f"functional_call changed {', '.join(changes[:4])}", mend)


def _some(subject: Subject, dtype: torch.dtype = torch.float32) -> Inputs:
    """Every seventh example."""
    return {name: leaf[::7] for name, leaf in subject.inputs(dtype).items()}


_MAKERS = {
    *(torch.zeros, torch.ones, torch.full, torch.empty, torch.eye, torch.rand, torch.randn, torch.randperm),
    *(torch.arange, torch.linspace, torch.logspace, torch.tensor, torch.from_numpy),
}


class _Elsewhere(TorchFunctionMode):
    """Tensors made without a device land where nothing can be computed with the inputs. Single numbers
    stay, as they go with any device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        del types
        given = kwargs or {}
        made = func(*args, **given)
        stray = func in _MAKERS and given.get("device") is None and made.ndim
        return made.to("meta") if stray else made


def _mixes_devices(encoder: Encoder, inputs: Inputs, expected: Tensor) -> bool:
    """Whether a tensor that ``forward`` makes without a device meets those that it is given."""
    try:
        with _Elsewhere():
            there = embed(encoder, inputs)
    except NotImplementedError:
        return False  # it was about to be moved, which a tensor without content cannot be
    except RuntimeError as error:
        return "item()" not in str(error)  # a number taken from it is at home on any device
    # A product with such a tensor may come out, as nonsense.
    return there.device != expected.device or not torch.equal(there, expected)


def _unregistered(encoder: Encoder) -> Iterator[tuple[str, Tensor]]:
    """Tensors that are attributes of a module, or lie in a list or mapping that is one."""
    for path, module in encoder.named_modules():
        for name, value in vars(module).items():
            if name in ("_parameters", "_buffers", "_modules"):
                continue
            for where, tensor in _tensors(value):
                yield f"{path}.{name}{where}" if path else f"{name}{where}", tensor


def _tensors(value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
        yield "", value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from ((f"[{key!r}]{where}", tensor) for where, tensor in _tensors(one))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from ((f"[{number}]{where}", tensor) for where, tensor in _tensors(one))
