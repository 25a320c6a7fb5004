"""Encoders whose network takes windows of one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, final

from kshot.episode import Inputs
from torch import Tensor, nn

from kshot_audio.augmentation import Augmentation, Operation
from kshot_audio.encoders.augmented import Augmented
from kshot_audio.encoders.masked import masked_mean
from kshot_audio.encoders.windows import windows
from kshot_audio.features import HOP, LogMel


class WindowNetwork(Protocol):
    """A network over windows, an ``nn.Module``."""

    def __call__(self, frames: Tensor) -> Tensor:
        """(N, L, mels) → (N, dim)."""
        ...

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """Its blocks, from input to output."""
        ...


@final
class Windowed(Augmented):
    """Log-mel frames, each band less its mean → windows → network → mean over the windows; (B, dim).

    Batch norms in the network count no padded frame: there is none.

    Args:
        network: embeds a window.
        dim: width of its embedding.
        log_mel: makes the frames.
        window: length of a window in seconds.
        windows: how many of a recording, evenly spaced, their embeddings averaged.
        augment: operations on training batches.
    """

    def __init__(
        self,
        network: WindowNetwork,
        dim: int,
        log_mel: LogMel,
        *,
        window: float,
        windows: int,
        augment: Sequence[Operation],
    ) -> None:
        super().__init__()
        self.dim = dim
        self.network = network
        self._log_mel = log_mel
        self._length, self._windows = round(window / HOP), windows
        self._augmentation = Augmentation(augment, "input_features", log_mel.loudness)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, mels), ``attention_mask`` (B, F), ``truncated`` (B,).

        Raises:
            DataError: an example that is no recording, has no samples, has NaN among them, or is silent.
        """
        return self._log_mel(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, F, mels) features and their mask (B, F) → (B, dim)."""
        features = inputs["input_features"]
        mask = inputs["attention_mask"].unsqueeze(2).to(features.dtype)
        centred = features - masked_mean(features, mask).unsqueeze(1)
        cut = windows(centred, mask, self._length, self._windows)
        return self.network(cut.flatten(0, 1)).unflatten(0, cut.shape[:2]).mean(1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The network's."""
        return self.network.ordered_blocks()
