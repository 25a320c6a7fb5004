"""Networks over frames: features of padded recordings → one vector each.

Both halve the frame rate first, from 10 ms to 20 ms, which costs no accuracy on speakers and
halves the work. Neither has a norm over the batch: its statistics would count padded frames
in training. Layer norm, the usual replacement, learned more slowly than no norm at all on
recordings that are standardised as a whole, so there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from kshot.functional import lstm_outputs
from torch import Tensor, nn

from kshot_audio.encoders.masked import masked_mean, masked_moments

STRIDE = 2


@final
class Tdnn(nn.Module):
    """Time-delay network: dilated convolutions over time, then mean and deviation.

    The frame layers and the statistics pooling of x-vectors (Snyder et al., "X-Vectors: Robust
    DNN Embeddings for Speaker Recognition", ICASSP 2018), narrower and without batch norm. An
    output frame sees 23 input frames, 245 ms.

    Args:
        mels: features per frame.
        width: channels of every layer.
    """

    def __init__(self, mels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(mels, width, 5, stride=STRIDE, padding=2)
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(width, width, 3, dilation=2, padding=2),
                nn.Conv1d(width, width, 3, dilation=3, padding=3),
                nn.Conv1d(width, width, 1),
            ]
        )
        self.width = 2 * width

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(B, F, mels) frames, zero where the mask (B, F, 1) is → (B, 2 · width)."""
        mask = mask[:, ::STRIDE].mT
        hidden = F.relu(self.first(frames.mT)) * mask
        for layer in self.layers:
            # A layer reaches over the end of a recording; what it writes there is wiped out.
            hidden = F.relu(layer(hidden)) * mask
        return torch.cat(masked_moments(hidden.mT, mask.mT), dim=1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The convolutions."""
        return (self.first, *self.layers)


@final
class Lstm(nn.Module):
    """Three LSTM layers, their outputs averaged.

    The network of d-vectors (Wan et al., "Generalized End-to-End Loss for Speaker
    Verification", ICASSP 2018), which took the last output; the mean learns much faster from
    few episodes. Time runs forward only, so padding on the right reaches no valid output.

    Args:
        mels: features per frame.
        width: units of every layer.
    """

    def __init__(self, mels: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(STRIDE * mels, width, num_layers=3, batch_first=True)
        self.width = width

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(B, F, mels) frames, zero where the mask (B, F, 1) is → (B, width)."""
        frames = F.pad(frames, (0, 0, 0, -frames.shape[1] % STRIDE))
        outputs = lstm_outputs(self.lstm, frames.unflatten(1, (-1, STRIDE)).flatten(2))
        return masked_mean(outputs, mask[:, ::STRIDE])

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The LSTM, whose layers stand in one module."""
        return (self.lstm,)
