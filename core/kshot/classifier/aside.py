"""Computing beside a caller's own program, whose settings of torch are not meant for a classifier."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def aside() -> Generator[None]:
    """Compute inside as where the caller's thread has entered none of torch's modes.

    Gradients switched off end a learner's training, tensors of inference mode and half precision get into what is
    kept and used later, and a default device gets between tensors of the CPU.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":  # a mode, which costs a little in every operation
            stack.enter_context(torch.device("cpu"))
        yield
