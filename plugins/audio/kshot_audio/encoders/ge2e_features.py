"""Recordings as Resemblyzer's encoder hears them: mel energies at a level of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch.nn.functional as F
from kshot.episode import Inputs
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kshot_audio.features import framed
from kshot_audio.loudness import Energies
from kshot_audio.recordings import Listener

RATE, FFT, HOP, MELS = 16000, 400, 160, 40
LEVEL = -30.0
"""Level in dB of full scale to which quieter recordings are raised."""


@final
class MelEnergies:
    """Recordings → mel energies (no logarithm), one frame every 10 ms.

    Slaney's filters and norm, as librosa has them; a frame is centred on its time, and silence lies
    around the recording.

    Args:
        seconds: only so much of a recording's beginning is used; none: all of it.
        trim: True to cut silence and long pauses out first.

    Attributes:
        loudness: how the features tell it, for augmentation.
    """

    def __init__(self, *, seconds: float | None, trim: bool) -> None:
        from torchaudio.transforms import MelSpectrogram

        self._listener = Listener(RATE, seconds, trim)
        self._transform: Any = MelSpectrogram(
            RATE,
            n_fft=FFT,
            hop_length=HOP,
            n_mels=MELS,
            norm="slaney",
            mel_scale="slaney",
            pad_mode="constant",
        )
        self.loudness = Energies(self._transform.mel_scale.fb.sum(0))

    def __call__(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, 40) and ``attention_mask`` (B, F) of the frames
        that touch each of them, and ``truncated`` (B,).

        Raises:
            DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
        """
        return framed(self._listener, raw, self._frames)

    def _frames(self, samples: Sequence[Tensor]) -> list[Tensor]:
        """Samples (n,) of each recording → its frames (F, 40)."""
        # Room for the last frame, whose centre lies behind the end by up to one hop.
        heard = [F.pad(raised(one), (0, HOP)) for one in samples]
        energies = self._transform(pad_sequence(heard, batch_first=True)).mT
        counts = [len(one) // HOP + 2 for one in samples]
        return [one[:count] for one, count in zip(energies, counts, strict=True)]


def raised(samples: Tensor) -> Tensor:
    """(n,) samples, not all zero, louder where their level is below :data:`LEVEL`."""
    level = 10 * samples.double().square().mean().log10()
    return samples * 10 ** (max(0.0, LEVEL - float(level)) / 20)
