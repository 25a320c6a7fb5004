"""The package's own network and windows, its mel energies computed by formula.

The package's modules are run as they are, except for ``audio.py``: that imports what a fresh
Python does not have (and is pleased to be stood in for by NumPy).
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]


def voice_encoder(folder: Path) -> Any:
    """``VoiceEncoder`` of the package that lies in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        package = types.ModuleType("resemblyzer")
        package.__path__ = [str(folder)]
        package.audio = types.SimpleNamespace(wav_to_mel_spectrogram=mel_energies)
        patch.setitem(sys.modules, "resemblyzer", package)
        for name in ("hparams", "voice_encoder"):
            spec = importlib.util.spec_from_file_location(f"resemblyzer.{name}", folder / f"{name}.py")
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, spec.name, module)
            spec.loader.exec_module(module)
        return module.VoiceEncoder("cpu", verbose=False)


def at_level(samples: Array) -> Array:
    """``normalize_volume(samples, -30, increase_only=True)``."""
    largest = 2**15 - 1
    level = 20 * np.log10(np.sqrt(np.mean((samples * largest) ** 2)) / largest)
    return samples * 10 ** (max(0.0, -30 - level) / 20)


def mel_energies(samples: Array) -> NDArray[np.float32]:
    """``librosa.feature.melspectrogram(y, sr=16000, n_fft=400, hop_length=160, n_mels=40).T``."""
    padded = np.pad(samples.astype(np.float64), 200)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(samples) + 1, 160)
    spectra = np.stack([np.fft.rfft(padded[start : start + 400] * window) for start in starts])
    return (np.abs(spectra) ** 2 @ slaney_filters().T).astype(np.float32)


def slaney_filters() -> Array:
    """(40, 201) triangles, evenly spaced on Slaney's scale, each of area 1 (Auditory Toolbox, 1998)."""
    step = np.log(6.4) / 27
    highest = 15 + np.log(8000 / 1000) / step
    mels = np.linspace(0, highest, 42)
    hertz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.arange(201) * 40.0
    filters = np.zeros((40, 201))
    for band, (low, middle, high) in enumerate(zip(hertz, hertz[1:], hertz[2:], strict=False)):
        rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
        filters[band] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return filters
