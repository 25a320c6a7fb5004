"""Which episodes of a batch are computed here: all of them, or the share of a thread, a process or a portion."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_share: ContextVar[slice] = ContextVar("kshot_share", default=slice(None))


@contextmanager
def sharing(episodes: slice) -> Generator[None]:
    """Let what is computed inside the block be of these episodes of the batch (this thread only)."""
    token = _share.set(episodes)
    try:
        yield
    finally:
        _share.reset(token)


def share() -> slice:
    """The episodes of the batch that are computed here."""
    return _share.get()


def places(count: int, device: torch.device) -> Tensor:
    """(T,) which of the batch's episodes the ``count`` = T ones are that are computed here."""
    which = _share.get()
    return torch.arange(count, device=device) * (which.step or 1) + (which.start or 0)
