"""ECAPA-TDNN, trained from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

from kshot.errors import KshotError
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor, nn

from kshot_audio.augmentation import Operation
from kshot_audio.encoders.windowed import Windowed
from kshot_audio.features import LogMel

RES2NET, POOLED = 8, 3
"""Groups of a block's channels, and how many times as wide as a block the pooled layer is."""


@final
class EcapaNetwork(nn.Module):
    """SpeechBrain's network, for windows without padding.

    Args:
        network: its ``ECAPA_TDNN``.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor) -> Tensor:
        """(N, L, mels) → (N, dim)."""
        return self.network(windows).squeeze(1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The first layer, the SE-Res2Net blocks, their aggregation, the pooling, the last layer."""
        net = self.network
        return (*net.blocks, net.mfa, net.asp, nn.ModuleList((net.asp_bn, net.fc)))


def ecapa(
    *,
    dim: Annotated[int, Field(ge=1)] = 192,
    width: Annotated[int, Field(ge=8, multiple_of=8)] = 512,
    attention: Annotated[int, Field(ge=1)] = 128,
    window: Annotated[float, Field(ge=0.15)] = 1.5,
    windows: Annotated[int, Field(ge=1)] = 3,
    rate: Annotated[int, Field(ge=4000)] = 16000,
    mels: Annotated[int, Field(ge=1)] = 80,
    seconds: Annotated[float, Field(gt=0)] = 8.0,
    trim: bool = False,
    augment: list[Operation] | None = None,
) -> Encoder:
    """ECAPA-TDNN: SE-Res2Net blocks over time, attentive statistics pooling; (B, dim).

    Desplanques et al., "ECAPA-TDNN: emphasized channel attention, propagation and aggregation in
    TDNN based speaker verification", Interspeech 2020. The network is SpeechBrain's (Apache-2.0),
    from the extra ``kshot-audio[ecapa]``; a recording is seen in windows of one length.

    Args:
        dim: width of the embedding.
        width: channels of a block; 512 and 1024 in the paper.
        attention: width of the bottlenecks in squeeze-excitation and pooling.
        window: length of a window in seconds; what is shorter is repeated to fill it.
        windows: how many of a recording, evenly spaced, their embeddings averaged.
        rate: samples per second; other recordings are resampled.
        mels: bands per frame.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.

    Raises:
        KshotError: SpeechBrain is not installed, or more bands than the rate's spectrum can fill.
    """
    try:
        from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN
    except ImportError as error:
        raise KshotError(
            f'ecapa: SpeechBrain is not installed ({error}); pip install "kshot-audio[ecapa]"'
        ) from error
    network = ECAPA_TDNN(
        mels,
        lin_neurons=dim,
        channels=[width, width, width, width, POOLED * width],
        attention_channels=attention,
        se_channels=attention,
        res2net_scale=RES2NET,
    )
    log_mel = LogMel(rate=rate, mels=mels, seconds=seconds, trim=trim)
    return Windowed(
        EcapaNetwork(network), dim, log_mel, window=window, windows=windows, augment=augment or ()
    )
