"""Shared by the audio plugin's tests: a cache of their own, real data, one thread, made-up recordings, a few voices."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot_audio.waveform import Waveform


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What an earlier version left in the user's cache must not decide a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def speakers_parquet() -> Path:
    return _real("librispeech_speakers.parquet")


@pytest.fixture(scope="session")
def digits_parquet() -> Path:
    return _real("fsdd.parquet")


def _real(name: str) -> Path:
    data = Path(os.environ.get("KSHOT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = data / "speech" / name
    if not path.is_file():
        pytest.skip(f"no speech at {path}; set KSHOT_TEST_DATA to the folder of real data")
    return path


@pytest.fixture(scope="session")
def librispeech(speakers_parquet: Path) -> Any:
    """Real speech: 16 kHz clips of 1.5 s, the published split of speakers."""
    from kshot.options import OptionsOf
    from kshot_audio.tables import audio_table

    split = {"column": "split", "validation": "val"}
    options = {"path": str(speakers_parquet), "label": "speaker", "split": split}
    return audio_table(**OptionsOf(audio_table).resolve(options, "sources.speech").arguments)


@pytest.fixture
def recording() -> Callable[..., Waveform]:
    """Noise with a tone in it, different for every seed."""

    def make(seconds: float, rate: int = 16000, seed: int = 0) -> Waveform:
        generator = np.random.Generator(np.random.Philox(key=seed))
        time = np.arange(round(seconds * rate)) / rate
        tone = np.sin(2 * np.pi * generator.uniform(200, 2000) * time)
        samples = 0.2 * tone + 0.05 * generator.standard_normal(len(time))
        return Waveform(samples.astype(np.float32), rate)

    return make


@pytest.fixture(scope="session")
def espeak() -> None:
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip('eSpeak NG is not installed: pip install "kshot-audio[voices]"')


@pytest.fixture(scope="session")
def voices(espeak: None, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Four short clips of every speaker, made once a session in a cache of its own."""
    from kshot_audio.voices.source import Voices

    source = Voices(utterances=4, seconds=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        source.fetch(0)
    return source
