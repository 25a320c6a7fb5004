"""Means and deviations over the valid frames of a padded batch."""

from __future__ import annotations

from torch import Tensor

VARIANCE_FLOOR = 1e-5
"""Added to variances, so that constant frames have a finite gradient."""


def masked_mean(frames: Tensor, mask: Tensor) -> Tensor:
    """Mean over valid frames: (B, F, D) and a mask (B, F, 1) of ones and zeros → (B, D)."""
    return (frames * mask).sum(1) / mask.sum(1).clamp_min(1)


def masked_moments(frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over valid frames: (B, F, D), (B, F, 1) → twice (B, D)."""
    mean = masked_mean(frames, mask)
    variance = masked_mean((frames - mean.unsqueeze(1)).square(), mask)
    return mean, (variance + VARIANCE_FLOOR).sqrt()


def without_level(frames: Tensor, mask: Tensor) -> Tensor:
    """Logarithmic energies less their mean over valid frames and all bands: the recording's
    loudness. (B, F, D), (B, F, 1) → (B, F, D), zero where the mask is."""
    level = masked_mean(frames.mean(2, keepdim=True), mask)
    return (frames - level.unsqueeze(1)) * mask


def standardised(frames: Tensor, mask: Tensor) -> Tensor:
    """Frames with mean 0 and deviation 1 over valid frames and all bands together, so that the
    differences between bands stay. (B, F, D), (B, F, 1) → (B, F, D), zero where the mask is."""
    centred = without_level(frames, mask)
    variance = masked_mean(centred.square().mean(2, keepdim=True), mask)
    return centred * (variance + VARIANCE_FLOOR).rsqrt().unsqueeze(1)
