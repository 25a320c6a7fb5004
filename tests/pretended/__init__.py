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

from collections.abc import Iterator

import pytest
import torch

from .backend import pretended, register

UNTRIED = {
    "test_a_gpu_that_is_short_of_memory_takes_half_a_meta_batch": "the pretended device is as large as main memory",
}
"""Tests of what only a GPU has."""

REAL = torch.cuda.is_available()
RULES = [] if REAL else register()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Tests of GPUs meet the device; others do not."""
    if REAL or pyfuncitem.get_closest_marker("gpu") is None:
        return (yield)
    if pyfuncitem.originalname in UNTRIED:
        pytest.skip(UNTRIED[pyfuncitem.originalname])
    with pretended():
        return (yield)
