"""The baseline of speaker recognition: the long-term average spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor

from kshot_audio.encoders.masked import masked_moments, without_level
from kshot_audio.features import LogMel


@final
class MelStatistics(Encoder):
    """Mean and standard deviation of each log-mel band over a recording; nothing to train.

    The recording's level is taken out first, or it would hide the spectrum.

    Args:
        rate: samples per second; other recordings are resampled.
        mels: bands per frame; the embedding is twice as wide.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.

    Raises:
        KshotError: more bands than the rate's spectrum can fill.
    """

    modality = "audio"

    def __init__(
        self,
        *,
        rate: Annotated[int, Field(ge=4000)] = 16000,
        mels: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] = 8.0,
        trim: bool = False,
    ) -> None:
        super().__init__()
        self.dim = 2 * mels
        self._log_mel = LogMel(rate=rate, mels=mels, seconds=seconds, trim=trim)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, mels), ``attention_mask`` (B, F), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, or is silent.
        """
        return self._log_mel(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, F, mels) features and their mask (B, F) → (B, 2 · mels), means then deviations."""
        features = inputs["input_features"]
        mask = inputs["attention_mask"].unsqueeze(2).to(features.dtype)
        return torch.cat(masked_moments(without_level(features, mask), mask), dim=1)
