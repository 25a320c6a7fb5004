"""Full context embeddings: what an example means beside the others of its episode."""

from __future__ import annotations

from contextlib import nullcontext
from typing import final

import torch
from torch import Tensor, nn

from kshot.functional.cudnn import without_cudnn

WIDEST = 512
NARROW = 128
"""Hidden width of the LSTMs for embeddings wider than ``WIDEST``, where none is asked for: at dim
3,000 LSTMs of 3,000 hold 250 million weights, and those of 512 learn some dozens of classes by heart."""

_FAINT = 1e-3
"""At a map's start: whatever the LSTMs say then is small even beside embeddings of length one."""

_SPREAD = 0x9E3779B1
"""An odd number near 2³² divided by the golden ratio: its multiples spread evenly over 2³²."""


@final
class FullContext(nn.Module):
    """The functions f and g of matching networks with full context embeddings.

    Vinyals et al., "Matching Networks for One Shot Learning", NeurIPS 2016, appendix A. The
    support S is read by a bidirectional LSTM; a query x by an LSTM that attends to it in K steps::

        g(x_i) = x_i + →h_i + ←h_i
        ĥ_k, c_k = LSTM(x, [h_{k-1}, r_{k-1}], c_{k-1}),    h_k = ĥ_k + x
        r_k = Σ_i softmax_i(h_k · g(x_i)) g(x_i),           r_0 = mean of g(S),    f(x) = h_K

    The cell carries ĥ and takes (x, r) for input. As h = ĥ + x is linear in both, this is the
    paper's function with the weights of x counted together; its start, ĥ_0 = 0, means h_0 = x.

    g depends on the order of the support, which must not tell its classes: the LSTM reads it in
    an order that depends on S alone and sets neighbours far apart.

    Args:
        dim: width of the embeddings.
        steps: K.
        width: hidden width of the LSTMs; default: dim, as in the paper, or 128 where dim is over
            512. Where it is not dim, linear maps take →h + ←h and ĥ there; they start near
            zero, so that the context comes in as training finds a use for it.
    """

    def __init__(self, dim: int, *, steps: int, width: int | None = None) -> None:
        super().__init__()
        if width is None:
            width = dim if dim <= WIDEST else NARROW
        self.steps = steps
        self.support_lstm = nn.LSTM(dim, width, batch_first=True, bidirectional=True)
        self.query_cell = nn.LSTMCell(2 * dim, width)
        self.support_map = _to(width, dim)
        self.query_map = _to(width, dim)

    def of_support(self, support: Tensor) -> Tensor:
        """g: (T, S, dim) → (T, S, dim), in the order given."""
        order = reading_order(support.shape[1], support.device)
        # In evaluation mode cuDNN's LSTM has no backward pass.
        plain = torch.is_grad_enabled() and not self.training
        with without_cudnn(support.device) if plain else nullcontext():
            hidden, _ = self.support_lstm(support.index_select(1, order))
        forward, backward = hidden.index_select(1, order.argsort()).chunk(2, dim=-1)
        return support + self.support_map(forward + backward)

    def of_queries(self, queries: Tensor, support: Tensor) -> Tensor:
        """f: (T, Q, dim) queries and (T, S, dim) g of their support → (T, Q, dim)."""
        hidden = cell = queries.new_zeros(queries.shape[0] * queries.shape[1], self.query_cell.hidden_size)
        read = support.mean(1, keepdim=True).expand_as(queries)
        embedded = queries
        for step in range(self.steps):
            if step > 0:
                read = (embedded @ support.mT).softmax(-1) @ support
            inputs = torch.cat([queries, read], dim=-1).flatten(0, 1)
            hidden, cell = self.query_cell(inputs, (hidden, cell))
            embedded = queries + self.query_map(hidden).unflatten(0, queries.shape[:2])
        return embedded


def reading_order(count: int, device: torch.device) -> Tensor:
    """(count,) a permutation that depends on its length alone; what lay side by side lies far apart."""
    return (torch.arange(count, device=device) * _SPREAD % 2**32).argsort()


def _to(width: int, dim: int) -> nn.Module:
    if width == dim:
        return nn.Identity()
    linear = nn.Linear(width, dim, bias=False)
    nn.init.normal_(linear.weight, std=_FAINT)
    return linear
