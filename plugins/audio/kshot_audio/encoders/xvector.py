"""The x-vector network, trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, final

import torch
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor, nn

from kshot_audio.augmentation import Operation
from kshot_audio.encoders.masked import VARIANCE_FLOOR
from kshot_audio.encoders.windowed import Windowed
from kshot_audio.features import LogMel

CONTEXTS = (5, 1), (3, 2), (3, 3), (1, 1), (1, 1)
"""Kernel and dilation of each frame layer: an output frame sees 15 input frames."""


@final
class XVectorNetwork(nn.Module):
    """Five frame layers, mean and deviation over time, a segment layer.

    Args:
        mels: features of a frame.
        width: channels of the first four layers.
        pooled: channels of the fifth.
        dim: width of the segment layer.
    """

    def __init__(self, mels: int, width: int, pooled: int, dim: int) -> None:
        super().__init__()
        widths = [mels, width, width, width, width, pooled]
        self.frames = nn.Sequential(
            *(_layer(widths[i], widths[i + 1], *context) for i, context in enumerate(CONTEXTS))
        )
        self.segment = nn.Linear(2 * pooled, dim)

    def forward(self, windows: Tensor) -> Tensor:
        """(N, L, mels), L ≥ 15 → (N, dim)."""
        hidden: Tensor = self.frames(windows.mT)
        variance, mean = torch.var_mean(hidden, dim=2, correction=0)
        return self.segment(torch.cat([mean, (variance + VARIANCE_FLOOR).sqrt()], dim=1))

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The frame layers and the segment layer."""
        return (*self.frames, self.segment)


def xvector(
    *,
    dim: Annotated[int, Field(ge=1)] = 512,
    width: Annotated[int, Field(ge=1)] = 512,
    pooled: Annotated[int, Field(ge=1)] = 1500,
    window: Annotated[float, Field(ge=0.15)] = 1.5,
    windows: Annotated[int, Field(ge=1)] = 3,
    rate: Annotated[int, Field(ge=4000)] = 16000,
    mels: Annotated[int, Field(ge=1)] = 40,
    seconds: Annotated[float, Field(gt=0)] = 8.0,
    trim: bool = False,
    augment: list[Operation] | None = None,
) -> Encoder:
    """x-vectors: a time-delay network with statistics pooling; (B, dim).

    Snyder et al., "X-vectors: robust DNN embeddings for speaker recognition", ICASSP 2018: the
    embedding is the affine part of the first layer after the pooling. In place of the paper's 24
    filter banks less their mean over 3 s there are ``mels`` log-mel bands less their mean over the
    recording, and a recording is seen in windows of one length.

    Args:
        dim: width of the embedding.
        width: channels of the first four layers.
        pooled: channels of the fifth, whose mean and deviation are taken.
        window: length of a window in seconds; what is shorter is repeated to fill it.
        windows: how many of a recording, evenly spaced, their embeddings averaged.
        rate: samples per second; other recordings are resampled.
        mels: bands per frame.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.

    Raises:
        KshotError: more bands than the rate's spectrum can fill.
    """
    network = XVectorNetwork(mels, width, pooled, dim)
    log_mel = LogMel(rate=rate, mels=mels, seconds=seconds, trim=trim)
    return Windowed(network, dim, log_mel, window=window, windows=windows, augment=augment or ())


def _layer(old: int, new: int, kernel: int, dilation: int) -> nn.Sequential:
    """The nonlinearity comes before the norm, as in Kaldi."""
    return nn.Sequential(nn.Conv1d(old, new, kernel, dilation=dilation), nn.ReLU(), nn.BatchNorm1d(new))
