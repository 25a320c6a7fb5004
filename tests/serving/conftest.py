"""Small classifiers to serve."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from kshot import FewShotClassifier
from PIL import Image

from tests.classifier.things import pictures, texts, tone


@pytest.fixture(scope="session")
def words() -> FewShotClassifier:
    """cook, drive and sing, of which tfidf knows the words."""
    return FewShotClassifier("tfidf", unknown=0.1).fit(*texts())


@pytest.fixture(scope="session")
def bars() -> FewShotClassifier:
    """Pictures of bars that lie or stand."""
    return FewShotClassifier("pixels", encoder_options={"size": 12}).fit(*pictures())


@pytest.fixture(scope="session")
def tones() -> FewShotClassifier:
    """Low and high tones."""
    pitches = {"low": (180, 200, 220), "high": (1800, 2000, 2200)}
    pairs = [(tone(pitch), label) for label, some in pitches.items() for pitch in some]
    return FewShotClassifier("mel_statistics", unknown=0.1).fit(*zip(*pairs, strict=True))


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Pictures as files: a bar that lies, stands, or is none."""

    def made(kind: str = "lying", size: int = 16) -> bytes:
        pixels = np.full((size, size), 255, dtype=np.uint8)
        pixels[size // 2 - 1 : size // 2 + 2] = 0
        if kind == "cross":
            pixels[:, size // 2 - 1 : size // 2 + 2] = 0
        stream = io.BytesIO()
        Image.fromarray(pixels.T.copy() if kind == "standing" else pixels).save(stream, "PNG")
        return stream.getvalue()

    return made


@pytest.fixture(scope="session")
def wav() -> Callable[..., bytes]:
    """Tones as files."""

    def made(pitch: int = 200, seconds: float = 0.3) -> bytes:
        stream = io.BytesIO()
        samples, rate = tone(pitch, seconds)
        soundfile.write(stream, samples, rate, format="WAV")
        return stream.getvalue()

    return made
