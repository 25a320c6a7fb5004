"""Clips of many lengths, one after the other, in a file of which only what is asked for is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kshot.errors import KshotError
from kshot.tensorfiles import write_tensors
from numpy.typing import NDArray


class Clips:
    """N clips of 16-bit samples.

    Args:
        path: a file that :func:`keep` wrote.
        count: N.

    Raises:
        OSError, ValueError: there is no such file, or it is damaged.
    """

    def __init__(self, path: Path, count: int) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            stored: Any = safe_open(path, framework="numpy")
            self._samples: Any = stored.get_slice("samples")
            self._ends: NDArray[np.int64] = stored.get_tensor("ends")
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        if self._ends.shape != (count,) or self._samples.get_shape() != [int(self._ends[-1])]:
            raise ValueError(f"not {count} clips")

    def __getitem__(self, number: int) -> NDArray[np.int16]:
        """(n,) samples of one clip."""
        return self._samples[int(self._ends[number - 1]) if number else 0 : int(self._ends[number])]


def keep(clips: Sequence[NDArray[np.int16]], path: Path) -> Clips:
    """Write N clips, N > 0, and open the file.

    Raises:
        KshotError: the file cannot be written, or not be read back.
    """
    ends = np.cumsum([len(clip) for clip in clips], dtype=np.int64)
    samples = torch.from_numpy(np.concatenate(clips))
    write_tensors(path, {"samples": samples, "ends": torch.from_numpy(ends)})
    kept = kept_in(path, len(clips))
    if kept is None:
        raise KshotError(f"the clips just written to {path} cannot be read back; check the disk")
    return kept


def kept_in(path: Path, count: int) -> Clips | None:
    """The ``count`` clips of a file, or None where there is none or it is damaged."""
    try:
        return Clips(path, count)
    except (OSError, ValueError):
        return None
