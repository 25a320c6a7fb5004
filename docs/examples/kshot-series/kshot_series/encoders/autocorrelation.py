"""Encoder ``autocorrelation``: the baseline that a trained encoder must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor

from kshot_series.encoders.batching import side_by_side

MOMENTS = 2
"""Skewness and kurtosis."""


@final
class Autocorrelation(Encoder):
    """How a curve resembles itself some steps later, and how its values lie; nothing is trained.

    Sample autocorrelations at lags 1 … ``lags`` (Box and Jenkins, *Time Series Analysis*, 1970),
    skewness and kurtosis, each of the curve and of its steps (first differences).

    Args:
        lags: of the autocorrelations.
        channels: of a series.
        longest: steps that count.
    """

    def __init__(
        self,
        *,
        lags: Annotated[int, Field(ge=1)] = 40,
        channels: Annotated[int, Field(ge=1)] = 1,
        longest: Annotated[int, Field(ge=1)] = 2048,
    ) -> None:
        super().__init__()
        self.modality = "series"
        self.lags = lags
        self.channels = channels
        self.longest = longest
        self.dim = 2 * channels * (lags + MOMENTS)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B series (n, channels) → ``values`` (B, L, channels), ``attention_mask`` (B, L), ``truncated`` (B,)."""
        return side_by_side(raw, "autocorrelation", channels=self.channels, longest=self.longest)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L, channels) and their mask (B, L) → (B, dim)."""
        values = inputs["values"]
        mask = inputs["attention_mask"].unsqueeze(2).to(values.dtype)
        both = mask[:, 1:] * mask[:, :-1]
        steps = (values[:, 1:] - values[:, :-1]) * both
        return torch.cat([self._described(values * mask, mask), self._described(steps, both)], dim=1)

    def _described(self, curve: Tensor, mask: Tensor) -> Tensor:
        """(B, L, channels), (B, L, 1) → (B, channels · (lags + 2))."""
        count = mask.sum(1).clamp_min(1)
        centred = (curve - (curve.sum(1) / count).unsqueeze(1)) * mask
        # A curve that never changes has no autocorrelation: all numbers become zero.
        power = centred.square().sum(1)
        power = torch.where(power > 0, power, torch.ones_like(power))
        centred = torch.nn.functional.pad(centred, (0, 0, 0, self.lags))
        length = curve.shape[1]
        alike = [
            (centred[:, :length] * centred[:, lag : lag + length]).sum(1) / power
            for lag in range(1, self.lags + 1)
        ]
        unit = centred[:, :length] / (power / count).sqrt().unsqueeze(1)
        moments = [unit.pow(order).sum(1) / count / 4 for order in (3, 4)]
        return torch.cat([*alike, *moments], dim=1)
