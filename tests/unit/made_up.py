"""Made-up results and samples, and a parsed page: what the report's tests are made of."""

from __future__ import annotations

import io
import math
import random
import re
import struct
import wave
import zlib
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

from kshot.report import write_report
from kshot.results import (
    Cell,
    CurvePoint,
    Results,
    Sample,
    SampleExample,
    Score,
    Train,
    save,
    save_sample,
)

NASTY = [
    "<script>alert(1)</script>",
    "a|b`c*",
    "😀 emoji",
    "שלום עולם",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31m\x00",
]
VOID = {"img", "input", "link", "meta", "wbr"}
BESIDE = {"results.md", "results.tex", "results.csv", "results.json", "config.yaml"}
"""Files that lie beside a report, which it links to."""

# Made-up figures: they live here alone.
PAIRS = {
    "image": ("glyphs", [("prototypical", "conv4"), ("maml", "conv4"), ("nearest_mean", "pixels")]),
    "audio": (
        "voices",
        [("prototypical", "dvector"), ("maml", "dvector"), ("nearest_mean", "mel_statistics")],
    ),
    "text": ("pydocs", [("prototypical", "minilm"), ("maml", "minilm"), ("nearest_mean", "tfidf")]),
}


def made_up_score(shot: int, accuracy: float, **more: object) -> Score:
    return Score.model_validate(
        {
            "way": 5,
            "shot": shot,
            "queries": 15,
            "episodes": 600,
            "accuracy": accuracy,
            "ci95": 0.004,
            "chance": 0.2,
            "manifest": f"sha256:{'ab12' * 15}{shot:04}",
            "classes": 38,
            "episodes_per_second": 812.4,
        }
        | more
    )


def made_up_curve(points: int, top: float, seed: int) -> list[CurvePoint]:
    rng = random.Random(seed)
    return [
        CurvePoint(
            episodes=(k + 1) * 200,
            loss=1.6 * math.exp(-k / 4) + 0.05 + 0.05 * rng.random(),
            accuracy=0.2 + (top - 0.2) * (1 - math.exp(-(k + 1) / 3)) + 0.02 * rng.random() - 0.01,
            ci95=0.02,
        )
        for k in range(points)
    ]


def made_up_cell(
    learner: str, encoder: str, source: str, modality: str, seed: int = 0, **more: object
) -> Cell:
    rng = random.Random(f"{learner}{encoder}{source}{seed}")
    accuracy = 0.4 + 0.5 * rng.random()
    fields: dict[str, object] = {
        "id": f"{learner}.{encoder}.{source}.{seed}",
        "learner": learner,
        "encoder": encoder,
        "source": source,
        "modality": modality,
        "seed": seed,
        "status": "finished",
        "options": {"learner": {"inner_steps": 5}, "encoder": {"channels": 64}, "source": {}},
        "train": Train(
            way=5,
            shot=1,
            queries=5,
            episodes=2000,
            seconds=42.3,
            episodes_per_second=47.3,
            parameters=113_088,
            peak_memory_bytes=412_000_000,
        ),
        "curve": made_up_curve(10, accuracy, seed),
        "scores": [made_up_score(1, accuracy), made_up_score(5, 1 - (1 - accuracy) / 2)],
    }
    return Cell.model_validate(fields | more)


def made_up_results() -> Results:
    """Three modalities, three learners each, one of them untrained, one cell failed."""
    cells = [
        made_up_cell(learner, encoder, source, modality)
        if learner != "nearest_mean"
        else made_up_cell(
            learner, encoder, source, modality, train=Train(), curve=[], note="nothing to train"
        )
        for modality, (source, pairs) in PAIRS.items()
        for learner, encoder in pairs
    ]
    cells[4] = made_up_cell(
        "maml",
        "dvector",
        "voices",
        "audio",
        status="failed",
        error="out of memory\nat step <3>",
        scores=[],
        curve=[],
    )
    environment = {"python": "3.11.7", "device": "cpu", "versions": {"torch": "2.14.1", "kshot": "0.1.0"}}
    return Results(name="three-senses", environment=environment, cells=cells)


def png(size: int, seed: int) -> bytes:
    """A grey picture of a slanted ring, as PNG."""
    middle, slant = size / 2, (seed % 7 - 3) / 6
    rows = bytearray()
    for y in range(size):
        rows.append(0)
        for x in range(size):
            radius = math.hypot((x - middle) + slant * (y - middle), (y - middle) * (1 + (seed % 3) / 3))
            rows.append(255 if abs(radius - size / 3.2) > size / 12 else 20)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows)))
        + chunk(b"IEND", b"")
    )


def wav(hertz: float, seconds: float = 0.5, width: int = 2, rate: int = 16000) -> bytes:
    """A gliding tone as WAV."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        frames = bytearray()
        for n in range(int(rate * seconds)):
            value = 0.6 * math.sin(2 * math.pi * (hertz * n / rate + 300 * (n / rate) ** 2))
            scaled = round(value * (2 ** (8 * width - 1) - 1))
            frames += bytes([scaled + 128]) if width == 1 else scaled.to_bytes(width, "little", signed=True)
        file.writeframes(bytes(frames))
    return stream.getvalue()


def sample(source: str, modality: str, contents: list[list[bytes]], media: str, classes: list[str]) -> Sample:
    """An episode whose first example of each class is the support."""
    made = [
        SampleExample.of(label, media, content)  # type: ignore[arg-type]
        for label, group in enumerate(contents)
        for content in group
    ]
    size = len(contents[0])
    support = made[::size]
    query = [example for k, example in enumerate(made) if k % size]
    return Sample(
        source=source, modality=modality, shape="5w1s", classes=classes, support=support, query=query
    )


def made_up_samples() -> list[Sample]:
    letters = ["Armenian ayb", "Armenian ben", "Georgian an", "Georgian ban", NASTY[0]]
    text = "Return a new array of given shape and type, filled with zeros, unless a template is passed to it."
    words = re.findall(r"\S+", text)
    sentences = [[" ".join(words[k + j :] + words[: k + j]).encode() for j in range(6)] for k in range(5)]
    return [
        sample(
            "glyphs",
            "image",
            [[png(28, 3 * k + j) for j in range(16)] for k in range(5)],
            "image/png",
            letters,
        ),
        sample(
            "voices",
            "audio",
            [[wav(200 + 150 * k + 20 * j) for j in range(4)] for k in range(5)],
            "audio/wav",
            ["Adam", "Belinda", "Quincy", "Steph", "robosoft"],
        ),
        sample("pydocs", "text", sentences, "text/plain", ["argparse", "asyncio.events", *NASTY[1:4]]),
    ]


def written(folder: Path, results: Results, samples: Sequence[Sample] = ()) -> str:
    save(folder, results)
    for one in samples:
        save_sample(folder, one)
    path = write_report(folder)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def many_results() -> Results:
    """A hundred cells: five learners, two encoders, two sources, five seeds; long names, a few failures."""
    learners = ["prototypical", "maml-inner_steps_10-order_2", "siamese", "matching", "A" * 60]
    cells = [
        made_up_cell(learner, encoder, source, modality, seed)
        for modality, source, encoders in [
            ("image", "omniglot-vinyals-with-rotations-as-classes", ["conv4", "resnet12"]),
            ("audio", "voices", ["dvector", "a_speaker_embedding_with_a_very_long_name_v2"]),
        ]
        for encoder in encoders
        for learner in learners
        for seed in range(5)
    ]
    for index in (7, 8, 51, 52, 53, 54):
        failed = {
            "status": "failed",
            "error": f"DataError: row {index} cannot be read",
            "scores": [],
            "curve": [],
        }
        cells[index] = cells[index].model_copy(update=failed)
    return Results(name="many " + "long " * 12, environment={"python": "3.11"}, cells=cells)


class Page(HTMLParser):
    """A parsed page: its text, attributes, and whether its tags balance."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def values(self, *keys: str) -> list[str]:
        return [value for _, key, value in self.attributes if key in keys]


def assert_self_contained(source: str) -> None:
    page = Page(source)
    addresses = page.values("src", "href", "srcset", "poster", "action", "data", "xlink:href")
    assert all(address.startswith(("data:", "#")) or address in BESIDE for address in addresses)
    assert not re.search(r"(?i)@import|url\(|https?://|fetch\(|XMLHttpRequest", source)
    assert [tag for tag in page.tags if tag in ("iframe", "object", "embed", "base", "form")] == []
    assert page.tags.count("script") == 1
    targets = {address[1:] for address in addresses if address.startswith("#")}
    identifiers = page.values("id")
    assert targets <= set(identifiers)
    assert set(page.values("aria-labelledby")) <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))
    # Whatever runs is in the one script, not in attributes that a name could have opened.
    assert [key for _, key, _ in page.attributes if key.startswith("on")] == []
