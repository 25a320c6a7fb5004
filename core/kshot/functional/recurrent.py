"""Sequences of any length, read in both directions and summed up, whatever they are padded with."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn


@final
class BidirectionalGRU(nn.Module):
    """A gated recurrent unit in each direction (Cho et al., EMNLP 2014; Schuster and Paliwal, 1997).

    The way back begins at each sequence's own end: sequences are turned round within their length,
    so that padding stands behind them for both units. (Packed sequences would do the same, wait for
    the device to tell the lengths, and cost more on the CPU.)

    Weights start after Glorot and Bengio (2010) where they meet the input, orthogonal where they meet
    the state (Saxe et al., 2014): from torch's own start, small and uniform, all sequences leave the
    layer almost alike, and training begins slowly.

    Args:
        incoming: width of the sequences.
        width: units of each direction.
    """

    def __init__(self, incoming: int, width: int) -> None:
        super().__init__()
        self.ahead = nn.GRU(incoming, width, batch_first=True)
        self.back = nn.GRU(incoming, width, batch_first=True)
        self.width = 2 * width
        for unit in (self.ahead, self.back):
            _initialise(unit)

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """(B, L, incoming) and a mask (B, L), not zero at first → (B, L, 2 · width), zero where the
        mask is."""
        ahead, _ = self.ahead(sequence)
        back, _ = self.back(turned(sequence, mask))
        return torch.cat([ahead, turned(back, mask)], dim=2) * mask.unsqueeze(2).to(ahead.dtype)


@final
class AttentionPooling(nn.Module):
    """A weighted mean over a sequence, its weights learnt (Lin et al., "A structured self-attentive
    sentence embedding", ICLR 2017; without its penalty): weights softmax(V tanh(U h)), one set a head.

    Args:
        incoming: width of the sequences.
        heads: means that stand side by side, each with weights of its own.
    """

    def __init__(self, incoming: int, heads: int) -> None:
        super().__init__()
        self.inner = nn.Linear(incoming, incoming)
        self.scores = nn.Linear(incoming, heads, bias=False)
        self.width = heads * incoming

    def forward(self, sequence: Tensor, mask: Tensor) -> Tensor:
        """(B, L, incoming) and a mask (B, L) → (B, heads · incoming)."""
        scores = self.scores(torch.tanh(self.inner(sequence)))
        lowest = torch.finfo(scores.dtype).min  # not minus infinity: nothing valid must not give NaN
        weights = scores.masked_fill((mask == 0).unsqueeze(2), lowest).softmax(dim=1)
        return (weights.mT @ sequence).flatten(1)


def lstm_outputs(unit: nn.LSTM, sequence: Tensor) -> Tensor:
    """(B, L, incoming) → (B, L, width) outputs of an LSTM; on a CPU in full precision, whatever autocast says.

    Of an LSTM torch has no bfloat16 kernel for processors without AVX-512: it raises there. A GRU it
    leaves in full precision on any CPU.
    """
    if sequence.device.type != "cpu":
        return unit(sequence)[0]
    with torch.autocast("cpu", enabled=False):
        return unit(sequence.to(next(unit.parameters()).dtype))[0]


def _initialise(unit: nn.GRU) -> None:
    for name, parameter in unit.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            continue
        start = nn.init.xavier_uniform_ if name.startswith("weight_ih") else nn.init.orthogonal_
        for gate in parameter.chunk(3):
            start(gate)


def turned(sequence: Tensor, mask: Tensor) -> Tensor:
    """(B, L, D), each sequence turned round within its length, which the mask (B, L) tells; what it is
    padded with stays where it is."""
    places = torch.arange(mask.shape[1], device=mask.device)
    lengths = (mask != 0).sum(1, keepdim=True)
    mirrored = torch.where(places < lengths, lengths - 1 - places, places)
    return sequence.gather(1, mirrored.unsqueeze(2).expand_as(sequence))
