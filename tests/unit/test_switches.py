"""Settings of the whole process that several threads turn, each for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from kshot.functional import differentiable
from kshot.functional.cudnn import without_cudnn
from kshot.functional.strategy import Strategy, over_tasks
from kshot.functional.switches import Switch
from kshot.learners.context import FullContext
from torch import nn

Block = Callable[[], None]
GPU = torch.device("cuda")


def in_differentiable(block: Block) -> None:
    with differentiable():
        block()


def in_mapped_tasks(block: Block) -> None:
    def one(shared: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        block()
        return shared + own

    over_tasks(Strategy(vmap=True), one, torch.zeros(()), torch.zeros(1))


def in_own_kernels(block: Block) -> None:
    with without_cudnn(GPU):
        block()


def flags() -> tuple[bool, ...]:
    return (
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
        torch.backends.cudnn.enabled,
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (in_differentiable, in_differentiable),
        (in_differentiable, in_mapped_tasks),
        (in_mapped_tasks, in_differentiable),
        (in_own_kernels, in_own_kernels),
    ],
)
def test_what_one_thread_has_turned_stays_so_until_no_thread_needs_it(
    first: Callable[[Block], None], second: Callable[[Block], None]
) -> None:
    entered, joined, before = threading.Event(), threading.Event(), flags()
    seen: list[tuple[bool, ...]] = []

    def until_joined() -> None:
        seen.append(flags())
        entered.set()
        assert joined.wait(timeout=10)

    def until_left() -> None:
        joined.set()
        other.join(timeout=10)
        seen.append(flags())

    other = threading.Thread(target=first, args=(until_joined,))
    try:
        other.start()
        assert entered.wait(timeout=10)
        second(until_left)
        after = flags()
    finally:
        torch.backends.cuda.enable_flash_sdp(before[0])
        torch.backends.cuda.enable_mem_efficient_sdp(before[1])
        torch.backends.cudnn.enabled = before[3]
    assert seen[0] == seen[1] != before
    assert after == before


def test_what_fails_inside_turns_it_back() -> None:
    before = flags()
    with pytest.raises(ValueError, match="inside"), differentiable():
        raise ValueError("inside")
    assert flags() == before


def test_what_cannot_be_turned_is_nobodys() -> None:
    def refusing() -> None:
        raise OSError("stuck")

    switch = Switch(refusing)
    for _ in range(2):
        with pytest.raises(OSError, match="stuck"), switch():
            pass


def test_on_a_cpu_cudnn_is_left_alone() -> None:
    with without_cudnn(torch.device("cpu")):
        assert torch.backends.cudnn.enabled
    with without_cudnn(GPU):
        assert not torch.backends.cudnn.enabled


def test_a_users_precisions_are_no_hindrance() -> None:
    precisions, before = torch.backends.cudnn.conv, torch.backends.cudnn.conv.fp32_precision
    precisions.fp32_precision = "ieee"
    try:
        FullContext(4, steps=1).eval().of_support(torch.randn(1, 3, 4)).sum().backward()
        with without_cudnn(GPU):
            assert not torch.backends.cudnn.enabled
        assert precisions.fp32_precision == "ieee"
    finally:
        precisions.fp32_precision = before


def test_gradients_of_an_inner_loop_through_a_recurrent_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's kernels where cuDNN is at hand; asked for only where there is something recurrent."""
    from kshot.functional.tasks import Tasks, Weights

    asked: list[torch.device] = []
    monkeypatch.setattr(
        "kshot.functional.tasks.without_cudnn",
        lambda device: (asked.append(device), without_cudnn(device))[1],
    )

    class Reads(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out = self.inner(x)
            return out[0] if isinstance(out, tuple) else out

    for inner in (nn.Linear(3, 3), nn.LSTM(3, 3)):
        tasks = Tasks(
            Reads(inner),
            ({"tensor": torch.randn(2, 4, 3)},),
            torch.zeros(2, 4).long(),
            "frozen",
            Strategy(False),
        )
        head = {"head.weight": torch.randn(2, 3), "head.bias": torch.zeros(2)}
        tasks.gradients(Weights(head, {}), create_graph=True)
    assert asked == [torch.device("cpu")]
