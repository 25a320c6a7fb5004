"""Every learner in single precision, in half and on a GPU: logits, loss and gradient near those of float64.

How near is stated here, and in docs/trust.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from kshot.interfaces import Learner
from kshot.testing import Subject
from kshot.testing.making import logits_of, made
from torch import Tensor

from .families import subject
from .learners import CASES

FAMILIES = ["toy", "conv4", "mini_transformer"]
"""A perceptron with batch norm, a convolutional network, a transformer."""


@dataclass(frozen=True)
class Tolerance:
    """How far numbers may lie from those of float64.

    Attributes:
        relative: logits and loss, in parts of 1 + the largest.
        angle: 1 - cosine between the gradients.
    """

    relative: float
    angle: float


SINGLE = Tolerance(1e-4, 1e-6)
HALF = Tolerance(0.06, 0.06)
COARSE = Tolerance(0.5, 0.8)
IN_HALF = {
    ("conv4", "prototypical-cosine"): COARSE,
    ("conv4", "matching-plain"): COARSE,
    ("conv4", "maml"): COARSE,
}
"""An untrained network tells these pictures apart in digits that bfloat16 does not have, and a cosine or an inner
loop makes much of them."""
ON_A_GPU = Tolerance(1e-3, 1e-4)
"""With TF32 off; it rounds the inputs of products to 10 bits."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a learner makes of the same episodes: logits (T, Q, way), a loss and its gradient, flat."""

    logits: Tensor
    loss: Tensor | None
    gradient: Tensor | None


def numbers(case: str, material: Subject, dtype: torch.dtype, half: bool = False) -> Numbers:
    learner: Learner = made(CASES[case].factory(material), material, dtype=dtype)
    episodes = material.episodes(2, dtype=dtype)
    kind = material.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        logits = logits_of(learner, episodes).detach()
    own = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if not learner.trains or not own:
        return Numbers(logits.double().cpu(), None, None)
    learner.train()
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        loss = learner.loss(episodes)
    found = torch.autograd.grad(loss, own, allow_unused=True)
    flat = [torch.zeros_like(p) if g is None else g for p, g in zip(own, found, strict=True)]
    gradient = torch.cat([one.double().flatten().cpu() for one in flat])
    return Numbers(logits.double().cpu(), loss.detach().double().cpu(), gradient)


def check_near(found: Numbers, exact: Numbers, tolerance: Tolerance) -> None:
    for one, other in ((found.logits, exact.logits), (found.loss, exact.loss)):
        if one is not None and other is not None:
            assert (one - other).abs().max() <= tolerance.relative * (1 + other.abs().max())
    if found.gradient is not None and exact.gradient is not None:
        cosine = torch.nn.functional.cosine_similarity(found.gradient, exact.gradient, dim=0)
        assert 1 - float(cosine) <= tolerance.angle


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_single_precision_and_half_are_near_double(family: str, case: str) -> None:
    material = subject(family)
    exact = numbers(case, material, torch.float64)
    check_near(numbers(case, material, torch.float32), exact, SINGLE)
    check_near(numbers(case, material, torch.float32, half=True), exact, IN_HALF.get((family, case), HALF))


@pytest.mark.parametrize(("family", "case"), IN_HALF)
def test_what_is_coarser_in_half_is_no_nearer(family: str, case: str) -> None:
    """An exception that is not needed is one too many."""
    material = subject(family)
    exact, half = (
        numbers(case, material, dtype, dtype == torch.float32) for dtype in (torch.float64, torch.float32)
    )
    with pytest.raises(AssertionError):
        check_near(half, exact, HALF)


@pytest.fixture
def _whole_numbers() -> Iterator[None]:
    """No product of a GPU is shortened to 19 bits."""
    switches = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [one.allow_tf32 for one in switches]
    for one in switches:
        one.allow_tf32 = False
    yield
    for one, value in zip(switches, before, strict=True):
        one.allow_tf32 = value


@pytest.mark.gpu
@pytest.mark.usefixtures("_whole_numbers")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_gives_the_numbers_of_the_cpu(family: str, case: str) -> None:
    material = subject(family)
    there = material.on(torch.device("cuda"))
    exact = numbers(case, material, torch.float64)
    check_near(numbers(case, there, torch.float64), exact, Tolerance(1e-9, 1e-9))
    check_near(numbers(case, there, torch.float32), exact, ON_A_GPU)
    check_near(numbers(case, there, torch.float32, half=True), exact, IN_HALF.get((family, case), HALF))
