"""Every learner of the core with every encoder family, through every conformance check."""

from __future__ import annotations

import pytest
import torch
from kshot.testing import LEARNER_CHECKS, run_checks

from .families import parameters, subject
from .learners import CASES, UNREGISTERED

TRAINED = "learns"
"""The one check that trains; on the toy alone, where a few steps are enough for every learner."""


def checks_of(family: str) -> list[str]:
    return [name for name in LEARNER_CHECKS if name != TRAINED or family == "toy"]


PAIRS = [
    pytest.param(family.values[0], case, marks=family.marks) for family in parameters() for case in CASES
]
"""(family, case)."""

CHECKED = [
    pytest.param(*pair.values, check, marks=pair.marks)
    for pair in PAIRS
    for check in checks_of(str(pair.values[0]))
]


@pytest.mark.parametrize(("family", "case", "check"), CHECKED)
def test_pairing(family: str, case: str, check: str) -> None:
    one = CASES[case]
    if check in one.exceptions:
        pytest.skip(f"{case} cannot: {one.exceptions[check]}")
    material = subject(family)
    LEARNER_CHECKS[check](one.factory(material), material)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize(("family", "case"), PAIRS)
def test_pairing_on_a_gpu(family: str, case: str) -> None:
    one = CASES[case]
    material = subject(family).on(torch.device("cuda"))
    checks = {name: LEARNER_CHECKS[name] for name in checks_of(family)}
    outcomes = run_checks(checks, one.factory(material), material, exceptions=one.exceptions)
    assert [f"{outcome.name}: {outcome.reason}" for outcome in outcomes if outcome.result == "failed"] == []


@pytest.mark.parametrize("case", CASES)
def test_exceptions_are_needed(case: str) -> None:
    """A check that is excepted, and would pass, is an exception too many."""
    material = subject("toy")
    for check in CASES[case].exceptions:
        with pytest.raises(AssertionError):
            LEARNER_CHECKS[check](CASES[case].factory(material), material)


def test_the_table_names_registered_learners() -> None:
    assert UNREGISTERED == []
