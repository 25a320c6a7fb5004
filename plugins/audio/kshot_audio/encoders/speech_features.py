"""Recordings as the speech embedding hears them: a telephone's band, in the middle of silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch.nn.functional as F
from kshot.episode import Inputs
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kshot_audio.features import framed
from kshot_audio.loudness import LogEnergies
from kshot_audio.recordings import Listener

RATE, FFT, LENGTH, HOP, MELS = 16000, 512, 400, 160, 32
LOWEST, HIGHEST = 60.0, 3800.0
FULL_SCALE = 32767.0
"""Samples are counted as 16-bit integers are."""
FLOOR = 1e-10
WINDOW, STEP = 76, 8
"""Frames that one embedding is of, and between the beginnings of two."""
SILENCE = WINDOW // 2 * HOP
"""Samples of silence on either side: every moment of a recording is once in the middle of a window."""


@final
class SpeechEnergies:
    """Recordings → logarithmic mel energies, one frame every 10 ms, silence on either side.

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
            win_length=LENGTH,
            hop_length=HOP,
            f_min=LOWEST,
            f_max=HIGHEST,
            n_mels=MELS,
            norm="slaney",
            mel_scale="slaney",
            center=False,
        )
        self.loudness = LogEnergies(self._transform.mel_scale.fb.sum(0), FLOOR)

    def __call__(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, 32), ``attention_mask`` (B, F), ``truncated`` (B,);
        of each recording at least one window is valid.

        Raises:
            DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
        """
        return framed(self._listener, raw, self._frames)

    def _frames(self, samples: Sequence[Tensor]) -> list[Tensor]:
        """Samples (n,) of each recording → its frames (F, 32)."""
        least = FFT + (WINDOW - 1) * HOP
        around = [F.pad(FULL_SCALE * one, (SILENCE, SILENCE)) for one in samples]
        heard = [F.pad(one, (0, max(0, least - len(one)))) for one in around]
        energies = (self._transform(pad_sequence(heard, batch_first=True)) + FLOOR).log().mT
        counts = [1 + (len(one) - FFT) // HOP for one in heard]
        return [one[:count] for one, count in zip(energies, counts, strict=True)]
