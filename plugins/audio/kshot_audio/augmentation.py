"""Recordings varied in training: on their device, a batch at once, each by draws of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, final

import torch
from kshot.episode import Inputs
from torch import Tensor

from kshot_audio.loudness import Loudness

Operation = Literal["crop", "specaugment", "noise", "gain"]

CROPPED = 0.5
"""Least share of a recording that a crop leaves."""
TIME_MASKS, LONGEST_MASK = 2, 0.2
"""Stretches of time that are masked, and the greatest share of the recording that one takes."""
BAND_MASKS, WIDEST_MASK = 2, 0.2
"""Groups of bands that are masked, and the greatest share of the bands that one takes."""
NOISE = 5.0, 20.0
"""Least and greatest distance in dB of the noise below the recording."""
GAIN = -6.0, 6.0
"""Least and greatest change of level in dB."""

Varied = tuple[Tensor, Tensor]
"""Values (B, L) or (B, F, M), and their mask (B, L) or (B, F)."""


@final
class Augmentation:
    """Operations, one after the other.

    ``crop`` keeps a stretch of at least half the recording. ``specaugment`` masks stretches of time
    and groups of bands (Park et al., "SpecAugment: a simple data augmentation method for automatic
    speech recognition", Interspeech 2019; two of each, of up to a fifth), with the recording's
    mean; where inputs are samples it masks time alone. ``noise`` adds white noise 5-20 dB below
    the recording. ``gain`` changes the level by up to 6 dB.

    Args:
        operations: their names, in order.
        leaf: the input that they vary.
        loudness: what a change of level and an added sound are in that input.
        least: positions that a crop leaves, where there are so many.
    """

    def __init__(
        self, operations: Sequence[Operation], leaf: str, loudness: Loudness, least: int = 1
    ) -> None:
        self.operations = tuple(operations)
        self._leaf = leaf
        self._apply: Mapping[str, Callable[[Tensor, Tensor, torch.Generator], Varied]] = {
            "crop": functools.partial(crop, least=least),
            "specaugment": specaugment,
            "noise": functools.partial(noise, loudness=loudness),
            "gain": functools.partial(gain, loudness=loudness),
        }

    def __call__(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """Inputs with ``attention_mask``, each leaf (B, …) → the same names, shapes and types."""
        values, mask = inputs[self._leaf], inputs["attention_mask"]
        for name in self.operations:
            values, mask = self._apply[name](values, mask, generator)
        return {**inputs, self._leaf: values, "attention_mask": mask}


def crop(values: Tensor, mask: Tensor, generator: torch.Generator, *, least: int) -> Varied:
    """A stretch of each recording, moved to the front; what follows it is zero and not valid."""
    counts = mask.sum(1, keepdim=True)
    share = CROPPED + (1 - CROPPED) * _drawn(values, generator)
    kept = torch.minimum(counts, (share * counts).ceil().to(counts.dtype).clamp_min(least))
    first = (_drawn(values, generator) * (counts - kept + 1)).to(counts.dtype)
    places = torch.arange(mask.shape[1], device=mask.device)
    valid = places < kept
    rows = torch.arange(len(mask), device=mask.device).unsqueeze(1)
    moved = values[rows, (first + places).clamp_max(mask.shape[1] - 1)]
    return torch.where(_beside(valid, values), moved, 0), valid.to(mask.dtype)


def specaugment(values: Tensor, mask: Tensor, generator: torch.Generator) -> Varied:
    """Stretches of time, and groups of bands where there are bands, replaced by the mean."""
    hidden = torch.zeros_like(mask, dtype=torch.bool)
    for _ in range(TIME_MASKS):
        hidden = hidden | _stretch(values, mask.shape[1], mask.sum(1, keepdim=True), LONGEST_MASK, generator)
    hidden = _beside(hidden, values)
    for _ in range(BAND_MASKS if values.ndim == 3 else 0):
        bands = torch.full_like(mask[:, :1], values.shape[2])
        hidden = hidden | _stretch(values, values.shape[2], bands, WIDEST_MASK, generator).unsqueeze(1)
    valid = _beside(mask.bool(), values)
    return torch.where(hidden & valid, _mean(values, valid), values), mask


def noise(values: Tensor, mask: Tensor, generator: torch.Generator, *, loudness: Loudness) -> Varied:
    """White noise added, its level drawn."""
    valid = _beside(mask.bool(), values)
    heard, added = loudness.linear(values), loudness.white(values, generator)
    below = _beside(_between(NOISE, values, generator), values)
    ratio = _mean(loudness.power(heard), valid) / _mean(loudness.power(added), valid)
    level = loudness.factor(10 * ratio.clamp_min(torch.finfo(values.dtype).tiny).log10() - below)
    return torch.where(valid, loudness.written(heard + level * added), values), mask


def gain(values: Tensor, mask: Tensor, generator: torch.Generator, *, loudness: Loudness) -> Varied:
    """Louder or quieter as a whole."""
    change = loudness.factor(_beside(_between(GAIN, values, generator), values))
    changed = loudness.written(loudness.linear(values) * change)
    return torch.where(_beside(mask.bool(), values), changed, values), mask


def _stretch(values: Tensor, size: int, counts: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """(B, size) bool, True in one stretch of up to ``most`` of an example's first ``counts`` (B, 1)."""
    width = (_drawn(values, generator) * (most * counts + 1)).floor()
    first = (_drawn(values, generator) * (counts - width + 1)).floor()
    places = torch.arange(size, device=values.device)
    return (places >= first) & (places < first + width)


def _drawn(values: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 1) float32 in 0 … 1."""
    return torch.rand(len(values), 1, generator=generator, device=values.device)


def _between(bounds: tuple[float, float], values: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 1) numbers in the values' type."""
    return (bounds[0] + (bounds[1] - bounds[0]) * _drawn(values, generator)).to(values.dtype)


def _beside(ones: Tensor, values: Tensor) -> Tensor:
    """(B, ·) with as many dimensions as the values."""
    return ones.reshape(*ones.shape, *[1] * (values.ndim - ones.ndim))


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of each example's valid values, (B, 1) or (B, 1, 1)."""
    dims = tuple(range(1, values.ndim))
    shares = valid.to(values.dtype).expand_as(values)
    return (values * shares).sum(dims, keepdim=True) / shares.sum(dims, keepdim=True).clamp_min(1)
