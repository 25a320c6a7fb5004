"""What tests of GPUs rest upon: a device says where it lies, refuses the CPU's tensors and tells of waits.

A real GPU and the pretended one alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]


@pytest.fixture
def strict() -> Iterator[Callable[[], None]]:
    """From its call on, what waits for the device raises."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


def test_it_says_where_tensors_lie() -> None:
    made = torch.ones(3, device="cuda")
    assert made.is_cuda
    assert (made + 1).device == torch.device("cuda", 0)
    assert made.cpu().device.type == "cpu"
    assert (made + 1).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "mix",
    [
        lambda there, here: there + here,
        lambda there, here: torch.cat([there, here]),
        lambda there, here: there @ here,
        lambda there, here: torch.where(there > 0, there, here),
        lambda there, here: nn.Linear(3, 2)(there),
    ],
)
def test_tensors_of_two_devices_do_not_meet(mix: Callable[[Tensor, Tensor], Tensor]) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)same device|on cpu"):
        mix(torch.ones(3, device="cuda"), torch.ones(3))


def test_a_number_of_the_cpu_may_stand_beside_it() -> None:
    assert (torch.ones(2, device="cuda") * torch.tensor(3.0)).tolist() == [3.0, 3.0]


def test_a_generator_of_another_device_is_refused() -> None:
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, generator=torch.Generator(), device="cuda")


@pytest.mark.parametrize(
    "ask",
    [
        lambda there: there.sum().item(),
        lambda there: bool((there > 0).all()),
        lambda there: there.cpu(),
        lambda there: there.tolist(),
        lambda there: there[there > 0],
        lambda there: there.nonzero(),
        lambda there: there[torch.tensor([0, 1])],
        lambda there: torch.zeros(3).to("cuda"),
        lambda there: torch.tensor([1.0, 2.0], device="cuda"),
    ],
)
def test_what_waits_is_told(ask: Callable[[Tensor], object], strict: Callable[[], None]) -> None:
    there = torch.ones(3, device="cuda")
    strict()
    with pytest.raises(RuntimeError, match="synchronizing"):
        ask(there)


def test_what_does_not_wait_is_let_pass(strict: Callable[[], None]) -> None:
    there, pinned = torch.ones(3, device="cuda"), torch.zeros(3).pin_memory()
    strict()
    there[there > 2] = 0.0
    there = there + pinned.to("cuda", non_blocking=True)
    total = (there * torch.arange(3, device="cuda")).sum()
    torch.cuda.set_sync_debug_mode("default")
    assert total.item() == 3.0


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_and_their_slopes_are_the_cpus(kind: str) -> None:
    torch.manual_seed(0)
    # In float64, which no GPU shortens.
    layer = getattr(nn, kind)(3, 4, batch_first=True).double()
    inputs = torch.randn(2, 5, 3, dtype=torch.float64)
    results = []
    for device in ("cpu", "cuda"):
        layer = layer.to(device)
        layer.zero_grad()
        out, _ = layer(inputs.to(device))
        out.square().sum().backward()
        results.append([out.detach().cpu(), *(one.grad.cpu() for one in layer.parameters())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)


def test_autocast_halves_products_and_no_sums() -> None:
    there = torch.ones(2, 2, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        product = there @ there
        assert product.dtype == torch.bfloat16
        assert product.softmax(1).dtype == torch.float32
        assert torch.cat([product, there]).dtype == torch.float32
    assert (there @ there).dtype == torch.float32
