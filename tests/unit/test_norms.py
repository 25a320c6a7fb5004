"""Batch norm per episode: equal to one ordinary batch norm per episode, under every policy."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from kshot.functional import EpisodicBatchNorm, Pass, fix_untrained_norms, per_episode_norms, statistics
from kshot.functional.norms import noting_statistics
from torch import nn

CASES = [(nn.BatchNorm1d(3), (5, 3)), (nn.BatchNorm1d(3), (5, 3, 7)), (nn.BatchNorm2d(3), (5, 3, 4, 6))]


def pair(norm: nn.Module) -> tuple[nn.Module, EpisodicBatchNorm]:
    """A batch norm with random parameters and its converted twin, in float64."""
    torch.manual_seed(0)
    ordinary = type(norm)(3, momentum=norm.momentum, affine=norm.affine).double()
    if norm.affine:
        nn.init.normal_(ordinary.weight)
        nn.init.normal_(ordinary.bias)
    ordinary.running_mean.normal_()
    ordinary.running_var.uniform_(0.5, 2)
    twin = type(norm)(3, momentum=norm.momentum, affine=norm.affine).double()
    twin.load_state_dict(ordinary.state_dict())
    converted = per_episode_norms(twin)
    assert isinstance(converted, EpisodicBatchNorm)
    return ordinary, converted


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("episodes", [1, 4])
@pytest.mark.parametrize(("norm", "shape"), CASES)
def test_own_statistics_equal_one_batch_norm_per_episode(
    norm: nn.Module, shape: tuple[int, ...], episodes: int, records: bool
) -> None:
    ordinary, converted = pair(norm)
    x = (
        torch.randn(episodes, *shape, dtype=torch.float64)
        * torch.rand(episodes, 1, 1, *([1] * (len(shape) - 2))).double()
    )
    x.requires_grad_()
    with statistics(Pass(episodes, own=True, records=records)):
        result = converted(x.flatten(0, 1))
    expected = torch.cat([ordinary(one) for one in x])
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(result)
    ours = torch.autograd.grad((result * weights).sum(), [x, converted.weight])
    theirs = torch.autograd.grad((expected * weights).sum(), [x, ordinary.weight])
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_follow_an_ordinary_norm(momentum: float | None, records: bool) -> None:
    ordinary, converted = pair(nn.BatchNorm2d(3, momentum=momentum))
    for seed in range(3):
        x = torch.randn(4, 6, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        for episode in x:
            ordinary(episode)
        with statistics(Pass(4, own=True, records=records)):
            converted(x.flatten(0, 1))
    for name, value in ordinary.state_dict().items():
        torch.testing.assert_close(converted.state_dict()[name], value, rtol=1e-12, atol=1e-12)


def test_outside_a_pass_it_is_an_ordinary_batch_norm() -> None:
    for training in (True, False):
        ordinary, converted = pair(nn.BatchNorm2d(3))
        ordinary.train(training)
        converted.train(training)
        x = torch.randn(6, 3, 4, 4, dtype=torch.float64)
        torch.testing.assert_close(converted(x), ordinary(x))
        torch.testing.assert_close(converted.running_var, ordinary.running_var)


def test_running_statistics_are_used_when_frozen_even_in_training_mode() -> None:
    ordinary, converted = pair(nn.BatchNorm1d(3))
    x = torch.randn(8, 3, dtype=torch.float64)
    with statistics(Pass(2, own=False)):
        result = converted.train()(x)
    torch.testing.assert_close(result, ordinary.eval()(x))


def test_recorded_statistics_are_replayed_per_episode() -> None:
    _, converted = pair(nn.BatchNorm1d(3))
    converted.eval()
    support, query = torch.randn(2, 6, 3).double(), torch.randn(2, 4, 3).double()
    first = Pass(2, own=True, records=True)
    with statistics(first):
        converted(support.flatten(0, 1))
    with statistics(Pass(2, own=False, recorded=first.recorded)):
        result = converted(query.flatten(0, 1)).unflatten(0, (2, 4))
    for t in range(2):
        mean, variance = support[t].mean(0), support[t].var(0, correction=0)
        expected = (query[t] - mean) / (variance + converted.eps).sqrt() * converted.weight + converted.bias
        torch.testing.assert_close(result[t], expected)


def test_evaluation_mode_changes_no_buffer() -> None:
    _, converted = pair(nn.BatchNorm1d(3))
    converted.eval()
    before = {name: value.clone() for name, value in converted.state_dict().items()}
    with statistics(Pass(2, own=True)):
        converted(torch.randn(8, 3).double())
    assert all(torch.equal(value, before[name]) for name, value in converted.state_dict().items())


def test_conversion_keeps_parameters_and_names() -> None:
    encoder = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.BatchNorm2d(4, affine=False))
    )
    names, parameters = list(encoder.state_dict()), list(encoder.parameters())
    converted = per_episode_norms(encoder)
    assert list(converted.state_dict()) == names
    assert all(a is b for a, b in zip(converted.parameters(), parameters, strict=True))
    assert not any(isinstance(m, nn.BatchNorm2d) for m in converted.modules())
    assert sum(isinstance(m, EpisodicBatchNorm) for m in converted.modules()) == 2


def test_norms_outside_what_trains_keep_their_statistics() -> None:
    encoder = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    encoder[1].running_mean.fill_(0.5)
    for parameter in encoder[:2].parameters():
        parameter.requires_grad_(False)
    fix_untrained_norms(encoder)
    first, second = encoder[1], encoder[3]
    assert isinstance(first, EpisodicBatchNorm) and isinstance(second, EpisodicBatchNorm)
    assert (first.fixed, second.fixed) == (True, False)
    x = torch.randn(8, 3)
    expected = F.batch_norm(encoder[0](x), first.running_mean, first.running_var, first.weight, first.bias)
    before = [norm.running_mean.clone() for norm in (first, second)]
    with statistics(Pass(episodes=2, own=True)):
        encoder(x)
        torch.testing.assert_close(first(encoder[0](x)), expected)
    assert torch.equal(first.running_mean, before[0])
    assert not torch.equal(second.running_mean, before[1])


@pytest.mark.parametrize("trains", ["weight", "bias"])
def test_a_norm_of_which_a_part_trains_follows_the_policy(trains: str) -> None:
    encoder = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    for name, parameter in encoder[1].named_parameters():
        parameter.requires_grad_(name == trains)
    fix_untrained_norms(encoder)
    assert encoder[1].fixed is False


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_statistics_that_are_noted_in_parts_and_taken_in_together_are_those_of_the_whole(
    momentum: float | None, records: bool
) -> None:
    torch.manual_seed(0)
    whole = EpisodicBatchNorm(nn.BatchNorm1d(3, momentum=momentum).double())
    parted = EpisodicBatchNorm(nn.BatchNorm1d(3, momentum=momentum).double())
    x = torch.randn(3, 5, 3, dtype=torch.float64)
    with statistics(Pass(3, own=True, records=records)):
        together = whole(x.flatten(0, 1)).unflatten(0, (3, 5))
    before = {name: value.clone() for name, value in parted.state_dict().items()}
    noted = {}
    for part in ([1], [0, 2]):  # as if by two processes, in no order
        with noting_statistics() as own, statistics(Pass(len(part), own=True, records=records)):
            torch.testing.assert_close(parted(x[part].flatten(0, 1)).unflatten(0, (-1, 5)), together[part])
        rows = [torch.cat(moments) for moments in zip(*own[parted], strict=True)]
        noted |= {number: [moment[k] for moment in rows] for k, number in enumerate(part)}
    assert all(torch.equal(value, before[name]) for name, value in parted.state_dict().items())
    parted.take_in(*(torch.stack(moments) for moments in zip(*(noted[k] for k in range(3)), strict=True)))
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(parted.state_dict()[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("how", [{"records": True}, {"mapped": True}], ids=["recorded", "mapped"])
def test_in_half_moments_are_those_of_the_fused_kernel(dtype: torch.dtype, how: dict[str, bool]) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (3 + 0.3 * torch.randn(64, 4, 16, 16, generator=generator)).to(dtype)
    ours, fused = EpisodicBatchNorm(nn.BatchNorm2d(4)), nn.BatchNorm2d(4)
    with statistics(current := Pass(1, own=True, **how)):
        result = ours(x)
    expected = fused(x)
    assert result.dtype == expected.dtype == dtype
    exact = F.batch_norm(x.double(), None, None, training=True)
    torch.testing.assert_close(ours.running_mean, fused.running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.running_var, fused.running_var, rtol=1e-4, atol=1e-5)
    bias = (result.double() - exact).mean((0, 2, 3)).abs().max()
    assert bias < 1e-3
    step = 2 * torch.finfo(dtype).eps  # a rounding of the last digit each, and values up to some six
    torch.testing.assert_close(result.double(), exact, rtol=step, atol=step)
    if current.records:
        with statistics(Pass(1, own=False, recorded=current.recorded)):
            assert torch.equal(ours(x), result)
