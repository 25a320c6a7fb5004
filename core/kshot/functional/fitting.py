"""What does not fit into the device's memory at once: computed in parts, half as large."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Final, TypeVar, final

import torch

from kshot.errors import CellError

R = TypeVar("R")

MEND: Final = (
    "take fewer shots or queries, a smaller encoder, train.precision: bfloat16 or, where the encoder trains, "
    "its gradient_checkpointing: true"
)

_SIGNS: Final = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What is said of it by libraries that have no class of errors for it."""


def is_shortage(error: BaseException) -> bool:
    """True where an exception says that the device has no memory left."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)
    )


@contextmanager
def roomy(what: str, mend: str) -> Generator[None]:
    """Let a lack of memory inside the block be told as an error of the cell.

    Args:
        what: does not fit then.
        mend: what a user can do.

    Raises:
        CellError: the device has no memory left.
    """
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        first = ". ".join(str(error).splitlines()[0].split(". ")[:2]).rstrip(".")
        raise CellError(f"{what} does not fit into memory ({first}); {mend}") from error


def _untold(most: int) -> None:
    del most


@final
class Fitting:
    """Computes batches whole; where one did not fit, in parts, from there on half as large as what did not.

    Args:
        tell: told ``most`` whenever it became smaller and parts of that size did fit.
        what: a batch is made of, for the message where one alone does not fit.
        mend: what a user can do then.

    Attributes:
        most: items in the largest part that is tried; none: every batch fitted so far.
    """

    def __init__(
        self, tell: Callable[[int], None] = _untold, what: str = "episode", mend: str = MEND
    ) -> None:
        self.most: int | None = None
        self._tell, self._what, self._mend = tell, what, mend
        self._told: int | None = None
        self._lock = threading.Lock()

    def __call__(
        self, count: int, compute: Callable[[Sequence[range]], R], undo: Callable[[], object] = lambda: None
    ) -> R:
        """Compute ``count`` items.

        Args:
            count: items in the batch.
            compute: is given all parts, in order; called anew, with smaller ones, where it ran out of memory.
            undo: called before that; takes back what the attempt changed.

        Raises:
            CellError: a single item does not fit.
        """
        while True:
            parts = self._parts(count)
            largest = max(map(len, parts))
            try:
                with roomy(f"one {self._what} alone", self._mend) if largest < 2 else nullcontext():
                    found = compute(parts)
                self.limit(self.most)
                return found
            except Exception as error:
                if not is_shortage(error):
                    raise
            # Out here nothing holds the exception, whose frames hold the tensors of the attempt.
            self._narrow((largest + 1) // 2)
            undo()
            gc.collect()
            torch.cuda.empty_cache()  # nothing where CUDA was not used

    def limit(self, most: int | None) -> None:
        """Let no part be larger from here on, as somebody found out; none: nobody did."""
        if most is None:
            return
        self._narrow(most)
        with self._lock:
            news = self._told is None or most < self._told
            self._told = most if news else self._told
        if news:
            self._tell(most)

    def _narrow(self, most: int) -> None:
        with self._lock:  # batches of an evaluation are computed on several threads
            self.most = min(most, self.most or most)

    def _parts(self, count: int) -> Sequence[range]:
        """As few as may be, of even sizes."""
        number = 1 if self.most is None else max(1, -(-count // self.most))
        ends = [count * place // number for place in range(number + 1)]
        return [range(start, stop) for start, stop in itertools.pairwise(ends)]
