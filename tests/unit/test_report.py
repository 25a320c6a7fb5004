"""The report: complete, self-contained, escaped, and fit for one cell as for a hundred."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import random
import re
import shutil
import struct
import subprocess
import wave
import zlib
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from kshot.errors import KshotError
from kshot.report import write_report
from kshot.results import (
    Cell,
    CurvePoint,
    Measure,
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
VOID = {"img", "link", "meta", "wbr"}

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
    assert all(address.startswith(("data:", "#")) for address in addresses)
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


def test_report_shows_every_cell_score_and_error(tmp_path: Path) -> None:
    results = made_up_results()
    source = written(tmp_path, results, made_up_samples())
    assert_self_contained(source)
    text = Page(source).text
    for cell in results.cells:
        assert cell.id in text
        for score in cell.scores:
            assert f"{100 * score.accuracy:.1f} ± 0.4" in text
            assert f"{100 * (score.accuracy - 0.2):+.1f}" in text
    assert "out of memory\nat step <3>" in text
    assert "1 cell failed" in text
    assert "nothing to train" in text
    assert "untrained" in text
    assert "versions torch" in text
    assert "2.14.1" in text


def test_report_is_the_same_for_the_same_results(tmp_path: Path) -> None:
    first = written(tmp_path / "a", made_up_results(), made_up_samples())
    assert written(tmp_path / "b", made_up_results(), made_up_samples()) == first


def test_samples_are_drawn_by_their_media_type(tmp_path: Path) -> None:
    samples = made_up_samples()
    page = Page(written(tmp_path, made_up_results(), samples))
    by_kind = {
        kind: [v for v in page.values("src") if v.startswith(f"data:{kind}")] for kind in ("image", "audio")
    }
    pictures = [base64.b64decode(uri.split(",", 1)[1], validate=True) for uri in by_kind["image"]]
    sounds = [base64.b64decode(uri.split(",", 1)[1], validate=True) for uri in by_kind["audio"]]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert all(sound.startswith(b"RIFF") for sound in sounds)
    assert samples[0].support[0].content in pictures
    assert samples[1].support[0].content in sounds
    # Five classes: one support and eight queries drawn of each; a picture for each sound.
    assert len(pictures) == 5 * (1 + 8) + len(sounds)
    assert "and 7 more" in page.text
    assert samples[2].support[0].data in page.text


def test_modalities_of_a_third_party_are_drawn_too(tmp_path: Path) -> None:
    results = made_up_results()
    cell = results.cells[0].model_copy(update={"modality": "smell", "source": "perfumes"})
    odd = made_up_samples()[0].model_copy(update={"modality": "smell", "source": "perfumes"})
    text = Page(written(tmp_path, results.model_copy(update={"cells": [cell]}), [odd])).text
    assert "perfumes" in text
    assert "smell" in text


@pytest.mark.parametrize("nasty", NASTY)
def test_names_are_text_and_never_markup(tmp_path: Path, nasty: str) -> None:
    cell = made_up_cell(nasty, nasty, nasty, nasty, note=nasty, options={"learner": {nasty: nasty}})
    failed = cell.model_copy(update={"id": f"{nasty}2", "status": "failed", "error": nasty})
    score = made_up_score(1, 0.5, left_out=[nasty], metrics={nasty: Measure(mean=1)})
    failed = failed.model_copy(update={"scores": [score]})
    results = Results(name=nasty, environment={nasty: {nasty: nasty}}, cells=[cell, failed])
    one = sample(nasty, nasty, [[nasty.encode()], [b"x"]], "text/plain", [nasty, "other"])
    source = written(tmp_path, results, [one])
    assert_self_contained(source)
    page = Page(source)
    assert "onerror" not in [key for _, key, _ in page.attributes]
    visible = nasty.replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert page.text.count(visible) >= 8


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(Results(name="nothing yet"), id="no cell"),
        pytest.param(Results(name="one", cells=made_up_results().cells[2:3]), id="one untrained"),
        pytest.param(Results(name="failed", cells=made_up_results().cells[4:5]), id="all failed"),
        pytest.param(many_results(), id="a hundred cells"),
    ],
)
def test_any_number_of_cells_makes_a_page(tmp_path: Path, results: Results) -> None:
    source = written(tmp_path, results)
    assert_self_contained(source)
    text = Page(source).text
    assert all(cell.id in text for cell in results.cells)


def test_many_seeds_are_averaged(tmp_path: Path) -> None:
    cells = [
        made_up_cell("a", "b", "c", "d", seed, scores=[made_up_score(1, x)])
        for seed, x in enumerate((0.5, 0.7))
    ]
    text = Page(written(tmp_path, Results(name="seeds", cells=cells))).text
    assert "60.0 ± 0.4" in text
    assert "s 14.1" in text


def test_one_learner_with_several_encoders_has_a_line_for_each(tmp_path: Path) -> None:
    cells = [
        made_up_cell("p", "conv4", "glyphs", "image"),
        made_up_cell("p", "dvector", "voices", "audio"),
        made_up_cell("p", "ge2e", "voices", "audio"),
    ]
    source = written(tmp_path, Results(name="encoders", cells=cells))
    heat = source[source.index('class="heat"') :].split("</table>")[0]
    assert heat.count("<tr>") == 2 + 2
    assert heat.count('title="p · conv4') == 2
    assert heat.count('title="p · ge2e') == 2
    assert heat.count('class="none"') == 2


def test_a_broken_sample_does_not_cost_the_report(tmp_path: Path) -> None:
    save(tmp_path, made_up_results())
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "glyphs.json").write_text("{")
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    assert "Sample episodes cannot be shown" in text
    assert "glyphs.json" in text


def test_media_that_cannot_be_drawn_say_so(tmp_path: Path) -> None:
    odd = sample("s", "m", [[b"not a picture"], [b""]], "image/png", ["a", "b"])
    mute = sample("t", "m", [[b"RIFF not a sound"], [wav(200, seconds=0)]], "audio/wav", ["a", "b"])
    text = Page(written(tmp_path, made_up_results(), [odd, mute])).text
    assert text.count("not a PNG picture") == 2
    assert "not a PCM WAV file" in text
    assert "the WAV file holds no sound" in text


def test_scores_over_different_episodes_are_pointed_out(tmp_path: Path) -> None:
    cells = [
        made_up_cell(learner, "conv4", "glyphs", "image", scores=[made_up_score(1, 0.9, manifest=manifest)])
        for learner, manifest in (("a", "sha256:11"), ("b", "sha256:22"))
    ]
    assert "not over the same episodes" in Page(written(tmp_path, Results(name="x", cells=cells))).text
    same = [cell.model_copy(update={"scores": cells[0].scores}) for cell in cells]
    assert "not over the same episodes" not in Page(written(tmp_path, Results(name="x", cells=same))).text


def test_no_results_no_report(tmp_path: Path) -> None:
    with pytest.raises(KshotError, match=r"no results\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_tone_is_bright_where_its_pitch_is(width: int) -> None:
    import numpy as np
    from kshot.report.spectrogram import _BANDS, _decibels, read_wav

    samples, rate = read_wav(wav(1000, width=width))
    assert rate == 16000
    assert samples.shape == (8000,)
    assert abs(np.abs(samples).max() - 0.6) < 0.02
    loudest = _decibels(samples, rate)[:, :5].mean(axis=1).argmax()
    mel = 2595 * math.log10(1 + 1000 / 700)
    top = 2595 * math.log10(1 + 8000 / 700)
    assert abs(loudest - mel / top * _BANDS) < 2


def test_a_long_sound_makes_no_larger_picture() -> None:
    from kshot.report.spectrogram import spectrogram

    drawn = spectrogram(wav(300, seconds=4, rate=8000))
    assert drawn.seconds == 4
    assert drawn.top == 4000
    assert struct.unpack(">II", drawn.png[16:24])[0] <= 242


def test_ticks_are_round_and_inside() -> None:
    from kshot.report.plot import ticks

    assert ticks(0, 2000) == [0, 1000, 2000]
    assert ticks(0.31, 0.78, most=6) == pytest.approx([0.4, 0.5, 0.6, 0.7])
    assert ticks(5, 5) == [5]
    for low, high in ((0, 1e-7), (-3, 2.5), (0, 123456), (0.999, 1.0)):
        found = ticks(low, high)
        assert 1 <= len(found) <= 4
        assert all(low - 1e-9 * (high - low) <= tick <= high + 1e-9 * (high - low) for tick in found)


QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
]


def browser() -> str:
    for program in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(program):
            return path
    pytest.skip("no chromium on this machine")


def browse(address: str, *options: str, cwd: Path) -> str:
    command = [browser(), *QUIET, f"--user-data-dir={cwd / 'profile'}", *options, address]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=60).stdout


PROBE = """<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument;
  const table = page.querySelector("table.scores");
  const order = () => [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.sort ?? "");
  const button = table.tHead.querySelectorAll("button")[1];
  button.click();
  const down = order();
  button.click();
  const found = { width: page.documentElement.scrollWidth, down, up: order() };
  const output = document.createElement("output");
  output.textContent = JSON.stringify(found);
  document.body.append(output);
};
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [made_up_results, many_results])
def test_a_browser_shows_and_sorts_it(tmp_path: Path, width: int, make: Callable[[], Results]) -> None:
    source = written(tmp_path, make(), made_up_samples())
    frame = f'<iframe srcdoc="{html.escape(source)}" style="width:{width}px;height:900px;border:0"></iframe>'
    (tmp_path / "frame.html").write_text(
        f"<!doctype html><body style='margin:0'>{frame}{PROBE}", encoding="utf-8"
    )
    address = (tmp_path / "frame.html").as_uri()
    found = re.search(r"<output>(.*?)</output>", browse(address, "--dump-dom", cwd=tmp_path))
    assert found
    probe = json.loads(html.unescape(found[1]))
    assert probe["width"] <= width
    assert probe["down"] == sorted(probe["down"], key=float, reverse=True)
    assert probe["up"] == sorted(probe["up"], key=float)


@pytest.mark.slow
def test_a_browser_paints_it(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib.image import imread

    written(tmp_path, made_up_results(), made_up_samples())
    address = (tmp_path / "report.html").as_uri()
    browse(address, "--window-size=1280,2000", f"--screenshot={tmp_path / 'page.png'}", cwd=tmp_path)
    picture = imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[:2] == (2000, 1280)
    assert len(np.unique((picture * 255).astype(int).reshape(-1, 3), axis=0)) > 200
