"""One step of recurrent layers, which CUDA computes by kernels that the CPU has not, and its slopes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

aten = torch.ops.aten


def _lstm_cell(inputs, states, before, bias=None, other=None):
    gates = inputs + states if bias is None else inputs + states + bias + other
    one, two, three, four = gates.chunk(4, 1)
    one, two, three, four = one.sigmoid(), two.sigmoid(), three.tanh(), four.sigmoid()
    after = two * before + one * three
    return four * after.tanh(), after, torch.cat([one, two, three, four], 1)


def _lstm_cell_back(hidden, cell, before, after, kept, has_bias):
    one, two, three, four = kept.chunk(4, 1)
    out = after.tanh()
    hidden = torch.zeros_like(after) if hidden is None else hidden
    slope = hidden * four * (1 - out**2) + (0 if cell is None else cell)
    gates = torch.cat(
        [
            slope * three * one * (1 - one),
            slope * before * two * (1 - two),
            slope * one * (1 - three**2),
            hidden * out * four * (1 - four),
        ],
        1,
    )
    return gates, slope * two, gates.sum(0) if has_bias else None


def _gru_cell(inputs, states, before, bias=None, other=None):
    if bias is not None:
        inputs, states = inputs + bias, states + other
    ours, theirs = inputs.chunk(3, 1), states.chunk(3, 1)
    reset, update = (ours[0] + theirs[0]).sigmoid(), (ours[1] + theirs[1]).sigmoid()
    new = (ours[2] + reset * theirs[2]).tanh()
    return new + update * (before - new), torch.cat([reset, update, new, before, theirs[2]], 1)


def _gru_cell_back(hidden, kept, has_bias):
    reset, update, new, before, state = kept.chunk(5, 1)
    updated = hidden * (before - new) * update * (1 - update)
    newly = hidden * (1 - update) * (1 - new**2)
    resetting = newly * state * reset * (1 - reset)
    ours = torch.cat([resetting, updated, newly], 1)
    theirs = torch.cat([resetting, updated, newly * reset], 1)
    biases = (ours.sum(0), theirs.sum(0)) if has_bias else (None, None)
    return ours, theirs, hidden * update, *biases


CELLS: dict[Any, Callable[..., Any]] = {
    aten._thnn_fused_lstm_cell.default: _lstm_cell,
    aten._thnn_fused_lstm_cell_backward_impl.default: _lstm_cell_back,
    aten._thnn_fused_gru_cell.default: _gru_cell,
    aten._thnn_fused_gru_cell_backward.default: _gru_cell_back,
}
