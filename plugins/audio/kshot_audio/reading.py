"""Recordings as people have them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from kshot.files import read_bytes
from kshot.interfaces import Presentation, Reader

from kshot_audio.tables import SUFFIXES
from kshot_audio.unpacking import unpack
from kshot_audio.waveform import Waveform, checked, decode, encode_wav


@final
class AudioReader(Reader):
    """A path (``str`` or ``Path``), a file's bytes, a :class:`Waveform`, or samples with their rate.

    Samples are (n,) or (channels, n), an array or a tensor between -1 and 1, in a pair with the rate in
    either order; or a mapping with ``array`` and ``sampling_rate``, or with ``bytes`` or ``path``, as
    the Hugging Face hub has them. Several channels are averaged.
    """

    suffixes = SUFFIXES
    unit = "seconds"
    most = 120

    def read(self, given: Any) -> Waveform:
        """One of these → a waveform."""
        if isinstance(given, Mapping):
            held = cast("Mapping[str, Any]", given)
            if held.get("array") is not None:
                return _waveform(held["array"], held.get("sampling_rate"))
            given = held.get("bytes") or held.get("path")
        if isinstance(given, str | Path):
            given = read_bytes(Path(given))
        if isinstance(given, bytes | bytearray):
            return decode(bytes(given))
        if isinstance(given, tuple) and len(cast("tuple[Any, ...]", given)) == 2:
            first, second = cast("tuple[Any, Any]", given)
            return _waveform(second, first) if np.ndim(first) == 0 else _waveform(first, second)
        raise ValueError(f"a {type(given).__name__} is no recording; give a path, or samples with their rate")

    def decode(self, content: bytes, most: float) -> Waveform:
        """A WAV, FLAC, Ogg or MP3 file's bytes → a waveform."""
        return unpack(content, most)

    def present(self, raw: Waveform) -> Presentation:
        """The recording as a WAV file."""
        return Presentation("audio/wav", encode_wav(raw))


def _waveform(samples: Any, rate: Any) -> Waveform:
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate <= 0:
        raise ValueError(f"a rate of {rate!r} is no whole number of samples per second")
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu()
        samples = samples.float() if samples.dtype == torch.bfloat16 else samples  # which numpy has not
    values = np.asarray(samples)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(f"samples must be floating-point numbers between -1 and 1, not {values.dtype}")
    if values.ndim == 2:
        channels, length = values.shape
        if channels > length:  # soundfile and scipy read (n, channels)
            raise ValueError(
                f"samples of shape {values.shape} would be {channels} channels of {length} samples each; give "
                "(channels, n), such as samples.T"
            )
        values = values.mean(axis=0)
    if values.ndim != 1:
        raise ValueError(f"samples of shape {values.shape} are neither (n,) nor (channels, n)")
    return Waveform(checked(values.astype(np.float32)), int(rate))
