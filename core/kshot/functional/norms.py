"""Batch norm whose statistics never cross episodes.

A batch of T episodes passes the encoder as one computation, so an ordinary batch norm would
mix their statistics. Its replacement here computes them per episode, or takes them from
somewhere else, as the current :class:`Pass` says. Parameters and buffers keep their names, so
a state dict fits both.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as AnyBatchNorm  # pyright: ignore[reportPrivateUsage]

Moments = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Pass:
    """Where the norms of one forward pass over T episodes take their statistics from.

    Attributes:
        episodes: T; the batch holds T equal stretches, one per episode.
        own: True to use each episode's own statistics in this pass.
        records: True to keep these statistics in ``recorded`` for a later pass.
        recorded: per norm the (T, C) mean and variance of an earlier pass. With ``own`` False
            a norm found here uses these, any other uses its running statistics.
        tracks: True to let norms in training mode update their running statistics from ``own``.
        mapped: True inside ``torch.func.vmap``, where the fused kernels' second derivatives are
            wrong (their affine part is taken for a constant) and the formula's are right.
    """

    episodes: int
    own: bool
    records: bool = False
    recorded: dict[nn.Module, Moments] = field(default_factory=dict[nn.Module, Moments])
    tracks: bool = True
    mapped: bool = False


_current: ContextVar[Pass | None] = ContextVar("kshot_pass", default=None)

Noted = dict["EpisodicBatchNorm", list[Moments]]
"""Per norm, in order, the (T, C) means and unbiased variances that its running statistics are to take in."""

_noted: ContextVar[Noted | None] = ContextVar("kshot_noted", default=None)


@contextmanager
def statistics(current: Pass) -> Generator[None]:
    """Let every converted norm follow ``current`` inside the block (this thread only)."""
    token = _current.set(current)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def noting_statistics() -> Generator[Noted]:
    """Let norms note what they would take into their running statistics, and leave these alone.

    Whoever has episodes of one batch in several places gives each norm all of it in the end, in
    the episodes' order (:meth:`EpisodicBatchNorm.take_in`), as if they had passed in one place.
    """
    noted: Noted = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def moments_of(noted: Sequence[Moments], episodes: int) -> Tensor:
    """(2, passes, T, C): the means and variances that one norm noted of its passes over T episodes."""
    return torch.stack([torch.cat(part) for part in zip(*noted, strict=True)]).unflatten(1, (-1, episodes))


class EpisodicBatchNorm(nn.Module):
    """Batch norm over (B, C, …) that keeps episodes apart; outside a pass an ordinary batch norm.

    Attributes:
        fixed: True to use and keep the running statistics whatever the pass and the mode, as in a
            pretrained network of which only another part trains.
    """

    def __init__(self, norm: AnyBatchNorm) -> None:
        super().__init__()
        self.eps = norm.eps
        self.momentum = norm.momentum
        self.weight: nn.Parameter | None = norm.weight
        self.bias: nn.Parameter | None = norm.bias
        self.register_buffer("running_mean", norm.running_mean)
        self.register_buffer("running_var", norm.running_var)
        self.register_buffer("num_batches_tracked", norm.num_batches_tracked)
        self.fixed = False
        self.train(norm.training)

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, …) → the same shape."""
        current = _current.get()
        if current is None:
            current = Pass(episodes=1, own=self.training or self.running_mean is None)
        if (current.own and not self.fixed) or self.running_mean is None:
            return self._by_own(x, current)
        moments = current.recorded.get(self)
        if moments is not None:
            return self._normalise(x, *moments)
        assert self.running_var is not None
        if current.mapped:
            return self._normalise(x, self.running_mean.unsqueeze(0), self.running_var.unsqueeze(0))
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)

    def _by_own(self, x: Tensor, current: Pass) -> Tensor:
        tracks = self.training and current.tracks
        if x.device.type == "cpu" and not current.records and not current.mapped:
            # There the fused kernel, once per episode, is twice as fast as the formula over all.
            if current.episodes == 1:
                return self._fused(x, tracks)
            return torch.cat([self._fused(episode, tracks) for episode in x.chunk(current.episodes)])
        per_episode = x.unflatten(0, (current.episodes, -1))
        others = (1, *range(3, per_episode.ndim))
        variance, mean = torch.var_mean(_widened(per_episode), dim=others, correction=0)
        if current.records:
            current.recorded[self] = (mean, variance)
        if tracks:
            self._track(mean, variance, per_episode[0].numel() // x.shape[1])
        return self._normalise(x, mean, variance)

    def _fused(self, x: Tensor, tracks: bool) -> Tensor:
        """One episode's (n, C, …) by the library's kernel, running statistics included."""
        if not tracks or self.running_mean is None or self.running_var is None:
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)
        mean, variance, noted = self.running_mean, self.running_var, _noted.get()
        if noted is None:
            factor = float(self._next_factor())
        else:
            mean, variance, factor = torch.zeros_like(mean), torch.zeros_like(variance), 1.0
            noted.setdefault(self, []).append((mean.unsqueeze(0), variance.unsqueeze(0)))
        return F.batch_norm(x, mean, variance, self.weight, self.bias, True, factor, self.eps)

    def _next_factor(self) -> Tensor | float:
        """Weight of the next batch in the running statistics; counts the batch."""
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        return self.num_batches_tracked.double().reciprocal() if self.momentum is None else self.momentum

    def _normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        per_episode = x.unflatten(0, (mean.shape[0], -1))
        shape = (mean.shape[0], 1, mean.shape[1], *(1 for _ in range(per_episode.ndim - 3)))
        own = _widened(per_episode)
        result = torch.addcmul(shift.reshape(shape), own, scale.reshape(shape))
        return result.to(x.dtype).flatten(0, 1)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics, or note what they are to take in."""
        if self.running_mean is None or self.running_var is None:
            return
        unbiased = variance * (count / max(count - 1, 1))
        noted = _noted.get()
        if noted is None:
            self.take_in(mean, unbiased)
        else:
            like = self.running_mean
            noted.setdefault(self, []).append((mean.to(like.dtype), unbiased.to(like.dtype)))

    @torch.no_grad()
    def take_in(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics with (T, C) means and unbiased variances, in order."""
        assert self.running_mean is not None
        assert self.running_var is not None
        for one_mean, one_variance in zip(mean, variance, strict=True):
            factor = self._next_factor()
            self.running_mean += factor * (one_mean - self.running_mean)
            self.running_var += factor * (one_variance - self.running_var)


def _widened(x: Tensor) -> Tensor:
    """Halves as float32: in their own eight or eleven bits a mean would be off by more than the spread."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def per_episode_norms(encoder: nn.Module) -> nn.Module:
    """``encoder`` with every batch norm replaced by one that keeps episodes apart.

    The encoder is changed in place (its parameters stay the same objects) and returned; a bare
    batch norm is returned converted.
    """
    if isinstance(encoder, AnyBatchNorm):
        return EpisodicBatchNorm(encoder)
    for name, child in encoder.named_children():
        setattr(encoder, name, per_episode_norms(child))
    return encoder


def fix_untrained_norms(encoder: nn.Module) -> None:
    """Let batch norms whose own weights do not train keep to their running statistics.

    Else a pretrained network of which a part trains would see statistics of a few examples in
    training, and end with others than its weights belong to.

    Args:
        encoder: changed in place; its norms are converted to work per episode.
    """
    for module in per_episode_norms(encoder).modules():
        if isinstance(module, EpisodicBatchNorm):
            module.fixed = not any(parameter.requires_grad for parameter in module.parameters())


def keeps_running_statistics(encoder: nn.Module) -> bool:
    """True where it has batch norms, and every one keeps to its running statistics whatever the policy."""
    norms = [module for module in encoder.modules() if isinstance(module, EpisodicBatchNorm)]
    return bool(norms) and all(norm.fixed and norm.running_mean is not None for norm in norms)
