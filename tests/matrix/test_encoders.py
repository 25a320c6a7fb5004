"""Every encoder of the house through every conformance check."""

from __future__ import annotations

import pytest
import torch
from kshot.testing import ENCODER_CHECKS, run_checks

from .families import exceptions, parameters, subject


@pytest.mark.parametrize("check", ENCODER_CHECKS)
@pytest.mark.parametrize("family", parameters())
def test_encoder(family: str, check: str) -> None:
    excepted = exceptions(family)
    if check in excepted:
        pytest.skip(f"{family} cannot: {excepted[check]}")
    ENCODER_CHECKS[check](subject(family))


EXCEPTED = [
    pytest.param(family.values[0], check, marks=family.marks)
    for family in parameters()
    for check in exceptions(str(family.values[0]))
]


@pytest.mark.parametrize(("family", "check"), EXCEPTED)
def test_exceptions_are_needed(family: str, check: str) -> None:
    """A check that is excepted, and would pass, is an exception too many."""
    material = subject(family)
    with pytest.raises(AssertionError):
        ENCODER_CHECKS[check](material)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("family", parameters())
def test_encoder_on_a_gpu(family: str) -> None:
    material = subject(family).on(torch.device("cuda"))
    outcomes = run_checks(ENCODER_CHECKS, material, exceptions=exceptions(family))
    assert [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.result == "failed"] == []
