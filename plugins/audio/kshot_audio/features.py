"""Log-mel features of recordings of any length and rate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.errors import KshotError
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from kshot_audio.loudness import LogEnergies
from kshot_audio.recordings import Listener

WINDOW, HOP = 0.025, 0.010
"""Length and step of a frame in seconds."""
LOWEST = 20.0
"""Where the lowest band begins, in Hz."""
HIGHEST = 0.475
"""Where the highest band ends, as a share of the sampling rate."""
FLOOR = 1e-6
"""Added to a band's energy before the logarithm."""
TOGETHER = 64
"""Recordings transformed at a time: their spectra take far more memory than the features."""


class LogMel:
    """Recordings → logarithmic mel energies, one frame every 10 ms.

    A frame lies wholly within the recording it describes, so that what a batch is padded with
    never reaches a valid frame. A recording shorter than one frame is padded to it.

    Args:
        rate: samples per second at which features are computed; other recordings are resampled.
        mels: number of bands, from 20 Hz to 95 % of half the rate.
        seconds: only so much of a recording's beginning is used.
        trim: True to cut silence and long pauses out first.

    Attributes:
        loudness: how the features tell it, for augmentation.

    Raises:
        KshotError: more bands than the rate's spectrum can fill.
    """

    def __init__(self, *, rate: int, mels: int, seconds: float, trim: bool = False) -> None:
        self._listener = Listener(rate, seconds, trim)
        self._hop = round(HOP * rate)
        window = round(WINDOW * rate)
        self._fft = 1 << (window - 1).bit_length()
        self._transform = _transform(rate, mels, window, self._hop, self._fft)
        self.loudness = LogEnergies(self._transform.mel_scale.fb.sum(0), FLOOR)

    def __call__(self, raw: Sequence[Any]) -> Inputs:
        """B recordings → ``input_features`` (B, F, mels) and ``attention_mask`` (B, F), both
        zero where a recording is shorter than the longest, and ``truncated`` (B,).

        Raises:
            DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
        """
        return framed(self._listener, raw, self._features)

    def _features(self, samples: Sequence[Tensor]) -> list[Tensor]:
        """Samples (n,) of each recording → its features (F, mels)."""
        heard = [F.pad(one, (0, max(0, self._fft - len(one)))) for one in samples]  # a frame at least
        energies = self._transform(pad_sequence(heard, batch_first=True))
        logarithms = (energies + FLOOR).log().transpose(1, 2)
        counts = [1 + (len(one) - self._fft) // self._hop for one in heard]
        return [one[:count] for one, count in zip(logarithms, counts, strict=True)]


@torch.no_grad()
def framed(
    listener: Listener, raw: Sequence[Any], features: Callable[[Sequence[Tensor]], list[Tensor]]
) -> Inputs:
    """What encoders of frames prepare of recordings, some of them at a time.

    Args:
        listener: hears them.
        raw: B recordings.
        features: the samples (n,) of each of some recordings → its features (F, …).

    Raises:
        DataError: not a :class:`Waveform`, or one without samples, with NaN among them, or silent.
    """
    found: list[Tensor] = []
    cut: list[bool] = []
    for start in range(0, len(raw), TOGETHER):
        heard = listener.hear(raw[start : start + TOGETHER])
        found += features([one.samples for one in heard])
        cut += [one.cut for one in heard]
    return padded(found, cut)


def padded(features: Sequence[Tensor], cut: Sequence[bool], name: str = "input_features") -> Inputs:
    """What encoders of recordings of any length prepare.

    Args:
        features: (F, …) of each recording.
        cut: True for each that is longer than what the features tell of.
        name: of the features.

    Returns:
        the features (B, F, …) under their name, ``attention_mask`` (B, F), ``truncated`` (B,) bool.
    """
    counts = torch.tensor([len(one) for one in features])
    together = pad_sequence(list(features), batch_first=True)
    mask = torch.arange(together.shape[1]) < counts[:, None]
    return {name: together, "attention_mask": mask.long(), "truncated": torch.tensor(cut, dtype=torch.bool)}


def _transform(rate: int, mels: int, window: int, hop: int, fft: int) -> Any:
    from torchaudio.transforms import MelSpectrogram

    with warnings.catch_warnings():  # torchaudio warns of empty bands; they are refused below
        warnings.simplefilter("ignore")
        transform: Any = MelSpectrogram(
            rate,
            n_fft=fft,
            win_length=window,
            hop_length=hop,
            n_mels=mels,
            f_min=LOWEST,
            f_max=HIGHEST * rate,
            center=False,
        )
    empty = int((transform.mel_scale.fb.amax(0) == 0).sum())
    if empty:
        raise KshotError(
            f"mels: {mels} bands are too many at {rate} samples per second, {empty} of them would hold "
            "nothing; ask for fewer, or for a higher rate"
        )
    return transform
