"""Series of different lengths, checked, standardised and put side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from kshot.episode import Inputs
from kshot.errors import DataError

from kshot_series.series import Series, checked, standardised


def side_by_side(raw: Sequence[Any], who: str, *, channels: int, longest: int) -> Inputs:
    """B series → padded tensors.

    Args:
        raw: B arrays (n, channels).
        who: name of the encoder, for messages.
        channels: that each must have.
        longest: steps that count; the rest of a longer series is cut.

    Returns:
        ``values`` (B, L, channels) float32, each channel standardised over its own example;
        ``attention_mask`` (B, L), zero in the padding; ``truncated`` (B,).

    Raises:
        DataError: an example that is no series, or has another number of channels.
    """
    series = [_checked(one, number, who, channels) for number, one in enumerate(raw)]
    kept = [standardised(one[:longest]) for one in series]
    length = max(len(one) for one in kept)
    values = np.zeros((len(kept), length, channels), dtype=np.float32)
    mask = np.zeros((len(kept), length), dtype=np.int64)
    for row, one in enumerate(kept):
        values[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return {
        "values": torch.from_numpy(values),
        "attention_mask": torch.from_numpy(mask),
        "truncated": torch.tensor([len(one) > longest for one in series]),
    }


def _checked(one: Any, number: int, who: str, channels: int) -> Series:
    place = f"{who}: example {number} of the batch"
    if not isinstance(one, np.ndarray):
        raise DataError(f"{place} is a {type(one).__name__}, not an array (n, channels); check the source")
    try:
        series = checked(one)
    except ValueError as error:
        raise DataError(f"{place} is no series: {error}") from error
    if series.shape[1] != channels:
        raise DataError(
            f"{place} has {series.shape[1]} channels, and the encoder was made for {channels}; "
            f"give it the option channels: {series.shape[1]}"
        )
    return series
