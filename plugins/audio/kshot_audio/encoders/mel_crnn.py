"""Spoken words and phrases, heard from beginning to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.functional import AttentionPooling, BidirectionalGRU
from pydantic import Field
from torch import Tensor, nn

from kshot_audio.augmentation import Augmentation, Operation
from kshot_audio.encoders.augmented import Augmented
from kshot_audio.encoders.masked import VARIANCE_FLOOR, masked_moments
from kshot_audio.features import LogMel

_STRIDE = 2


@final
class MelCRNN(Augmented):
    """What is said, whoever says it: convolutions over log-mel frames, GRU, attention over its steps.

    The acoustic twin of a CRNN for writing (Shi et al., TPAMI 2017); as acoustic word embeddings since
    Settle and Livescu ("Discriminative acoustic word embeddings", SLT 2016). A speaker encoder
    (``dvector``) averages over time, which forgets the order of sounds; here a recurrent layer keeps
    it. Every band is standardised over the recording, which takes out channel and much of the voice.

    Args:
        dim: width of the embedding.
        width: channels of the convolutions and units of each direction of the recurrent layer.
        heads: of the pooling.
        scale: length of the embedding.
        rate: samples per second; other recordings are resampled.
        mels: bands per frame.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.

    Raises:
        KshotError: more bands than the rate's spectrum can fill.
    """

    vmap = False  # nn.GRU

    def __init__(
        self,
        *,
        dim: Annotated[int, Field(ge=1)] = 128,
        width: Annotated[int, Field(ge=1)] = 64,
        heads: Annotated[int, Field(ge=1)] = 4,
        scale: Annotated[float, Field(gt=0)] = 4.0,
        rate: Annotated[int, Field(ge=4000)] = 16000,
        mels: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] = 4.0,
        trim: bool = False,
        augment: list[Operation] | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.scale = dim, scale
        self._log_mel = LogMel(rate=rate, mels=mels, seconds=seconds, trim=trim)
        self._augmentation = Augmentation(augment or (), "input_features", self._log_mel.loudness)
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(mels, width, 5, stride=_STRIDE, padding=2),
                nn.Conv1d(width, width, 3, padding=1),
                nn.Conv1d(width, width, 3, padding=1),
            ]
        )
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.recurrent = BidirectionalGRU(width, width)
        self.pooling = AttentionPooling(self.recurrent.width, heads)
        # Sequences differ little beside what all of them share: taken out, a contrastive loss falls from
        # its first steps on.
        self.norm = nn.BatchNorm1d(self.pooling.width)
        self.project = nn.Linear(self.pooling.width, dim)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, mels), ``attention_mask`` (B, F), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, or is silent.
        """
        return self._log_mel(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, F, mels) features and their mask (B, F) → (B, dim) embeddings of length ``scale``."""
        features, mask = inputs["input_features"], inputs["attention_mask"]
        hidden = standardised_bands(features, mask.unsqueeze(2).to(features.dtype)).mT
        mask = mask[:, ::_STRIDE]
        valid = mask.unsqueeze(1).to(features.dtype)
        for layer in self.layers:
            # A layer reaches over the end of a recording; what it writes there is wiped out.
            hidden = F.relu(layer(hidden)) * valid
        pooled = self.pooling(self.recurrent(hidden.mT, mask), mask)
        return self.scale * F.normalize(self.project(self.norm(pooled)), dim=1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The convolutions, the recurrent layer, the linear layer after the pooling."""
        return (*self.layers, self.recurrent, self.project)


def standardised_bands(frames: Tensor, mask: Tensor) -> Tensor:
    """Each band with mean 0 over valid frames, all bands together with deviation 1.
    (B, F, D), (B, F, 1) → (B, F, D), zero where the mask is."""
    mean, deviation = masked_moments(frames, mask)
    overall = (deviation.square().mean(1, keepdim=True) + VARIANCE_FLOOR).rsqrt()
    return (frames - mean.unsqueeze(1)) * mask * overall.unsqueeze(1)
