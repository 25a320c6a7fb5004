"""Encoder ``tcn``: a temporal convolutional network, trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor, nn

from kshot_series.encoders.batching import side_by_side

FLOOR = 1e-5
"""Added to variances: a constant curve has a finite gradient too."""


@final
class Block(nn.Module):
    """Two dilated convolutions and a residual connection; what lies in the padding is wiped out."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        reach = dilation * (kernel - 1) // 2
        self.first = nn.Conv1d(width, width, kernel, padding=reach, dilation=dilation)
        self.second = nn.Conv1d(width, width, kernel, padding=reach, dilation=dilation)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, width, L), (B, 1, L) → (B, width, L)."""
        inner = F.relu(self.first(hidden)) * mask
        return F.relu(hidden + self.second(inner)) * mask


@final
class TemporalConvolutions(Encoder):
    """Dilated residual convolutions over time, then mean and deviation of each channel, then a linear map.

    Bai, Kolter, Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
    Sequence Modeling", 2018, arXiv:1803.01271. Deviations: a whole curve is there when it is
    classified, so the convolutions look both ways; there is no dropout, and no weight norm. The
    pooling over time is that of x-vectors (Snyder et al., ICASSP 2018). There is no batch norm
    either, whose statistics would count the padding.

    Args:
        dim: width of the embedding.
        width: channels of the convolutions.
        blocks: residual blocks; block b is dilated 2ᵇ-fold.
        kernel: width of a convolution, odd.
        channels: of a series.
        longest: steps that count; longer series are cut, and results say how many.

    Raises:
        ValueError: an even kernel.
    """

    def __init__(
        self,
        *,
        dim: Annotated[int, Field(ge=1)] = 64,
        width: Annotated[int, Field(ge=1)] = 32,
        blocks: Annotated[int, Field(ge=1)] = 3,
        kernel: Annotated[int, Field(ge=1)] = 5,
        channels: Annotated[int, Field(ge=1)] = 1,
        longest: Annotated[int, Field(ge=1)] = 2048,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, so that a step keeps its place; got {kernel}")
        self.modality = "series"
        self.dim = dim
        self.channels = channels
        self.longest = longest
        self.first = nn.Conv1d(channels, width, kernel, padding=kernel // 2)
        self.blocks = nn.ModuleList([Block(width, kernel, 2**number) for number in range(blocks)])
        self.project = nn.Linear(2 * width, dim)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B series (n, channels) → ``values`` (B, L, channels), ``attention_mask`` (B, L), ``truncated`` (B,)."""
        return side_by_side(raw, "tcn", channels=self.channels, longest=self.longest)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L, channels) and their mask (B, L) → (B, dim)."""
        values = inputs["values"]
        mask = inputs["attention_mask"].unsqueeze(1).to(values.dtype)
        hidden = F.relu(self.first(values.mT * mask)) * mask
        for block in self.blocks:
            hidden = block(hidden, mask)
        count = mask.sum(2).clamp_min(1)
        mean = hidden.sum(2) / count
        variance = ((hidden - mean.unsqueeze(2)).square() * mask).sum(2) / count
        return self.project(torch.cat([mean, (variance + FLOOR).sqrt()], dim=1))

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """From input to output; ``train: last`` and ``layer_decay`` go by them."""
        return (self.first, *self.blocks, self.project)
