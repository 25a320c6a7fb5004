"""Small sets of one's own things: texts, pictures, recordings."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

TEXTS = {
    "cook": ["boil the flour", "stir the oven", "flour and oven", "boil and stir", "oven flour stir"],
    "drive": ["engine and wheel", "brake the engine", "road wheel", "wheel brake road", "engine road"],
    "sing": ["song and drum", "choir tune", "drum choir song", "tune the drum", "song tune"],
}
STRANGE = ["court judge law", "goal team match", "zebra quartz"]


def texts() -> tuple[list[str], list[str]]:
    """15 texts of three classes that share no word, and their labels."""
    pairs = [(text, label) for label, some in TEXTS.items() for text in some]
    return [text for text, _ in pairs], [label for _, label in pairs]


def pictures(count: int = 4, size: int = 16) -> tuple[list[Image.Image], list[str]]:
    """Bars that stand or lie, a pixel or two off their place."""
    generator = np.random.Generator(np.random.Philox(key=1))
    found: list[Image.Image] = []
    labels: list[str] = []
    for label in ("lying", "standing"):
        for _ in range(count):
            pixels = np.full((size, size), 255, dtype=np.uint8)
            place = int(generator.integers(size // 2 - 2, size // 2 + 1))
            pixels[place : place + 3] = 0
            found.append(Image.fromarray(pixels if label == "lying" else pixels.T.copy()))
            labels.append(label)
    return found, labels


def tone(pitch: float, seconds: float = 0.3, rate: int = 16000) -> Any:
    """Samples of a tone in a little noise, with their rate."""
    time = np.arange(int(rate * seconds)) / rate
    noise = np.random.Generator(np.random.Philox(key=int(pitch))).standard_normal(len(time))
    return (0.4 * np.sin(2 * np.pi * pitch * time) + 0.01 * noise).astype(np.float32), rate
