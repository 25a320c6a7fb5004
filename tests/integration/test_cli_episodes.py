"""``kshot episodes``: what is told and drawn of frozen episodes."""

from __future__ import annotations

import io
import re
import wave
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import yaml
from kshot import SourceSpec, results
from kshot.cli import main
from kshot.interfaces import Presentation, Source, Split
from kshot.sampling import Catalogue, Sampler
from kshot.shapes import Shape
from kshot.testing import Toy

from .conftest import configuration, toy_registry

Media = Literal["pictures", "sounds", "texts", "videos"]


class AnyMedia(Source):
    """Six classes of eight examples, of any media type; the names are hostile."""

    modality = "toy"

    def __init__(self, media: Media) -> None:
        self._media = media

    def catalogue(self, split: Split) -> Catalogue:
        labels = [f"{split}\x1b[31m class-{number // 8}" for number in range(48)]
        return Catalogue.build(labels, [f"{number:03d}" for number in range(48)], version="1")

    def fetch(self, row: int) -> int:
        return row

    def place(self, row: int) -> str:
        return f"folder/{row}.file\x1b[2J"

    def present(self, raw: int) -> Presentation:
        if self._media == "pictures":
            return Presentation("image/png", _png(raw))
        if self._media == "sounds":
            return Presentation("audio/wav", _wav(raw))
        media: Any = "text/plain" if self._media == "texts" else "video/mp4"
        return Presentation(media, f"sentence {raw}: \x1b[31mcosts $5".encode())


def media(*, media: Media = "pictures") -> Source:
    """The source above."""
    return AnyMedia(media)


def _png(row: int) -> bytes:
    from matplotlib import image

    stream = io.BytesIO()
    image.imsave(stream, np.full((12, 9, 3), row / 48), format="png")
    return stream.getvalue()


def _wav(row: int) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((2e4 * np.sin(np.arange(2000) * (row + 5) / 30)).astype("<i2").tobytes())
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = SourceSpec("media", "anything", f"{__name__}:media", modality="toy")
    monkeypatch.setattr("kshot.registry.load_registry", lambda: toy_registry(("sources", spec)))
    monkeypatch.chdir(tmp_path)


def write(**changes: Any) -> str:
    Path("toy.yaml").write_text(yaml.safe_dump(configuration(**changes)))
    return "toy.yaml"


def test_the_manifest_is_that_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    config = write(learners=["prototypical"], train={"episodes": 0})
    assert main(["episodes", config, "--show", "0"]) == 0
    out = capsys.readouterr().out
    assert main(["bench", config, "--device", "cpu"]) == 0
    [cell] = results.load(Path("runs/toy-run")).cells
    assert re.findall(r"^manifest (\S+)$", out, re.MULTILINE) == [score.manifest for score in cell.scores]
    assert "toy: 40 test episodes of 5w1s with 5 queries, seed 1234" in out
    assert "toy: 40 test episodes of 3w2s with 5 queries, seed 1234" in out
    assert "\nepisode" not in out


def test_episodes_are_those_that_the_sampler_draws(capsys: pytest.CaptureFixture[str]) -> None:
    config = write(sources={"media": {"media": "pictures"}}, evaluate={"shapes": ["3w2s"], "queries": 4})
    assert main(["episodes", config, "--show", "2"]) == 0
    out = capsys.readouterr().out
    catalogue = AnyMedia("pictures").catalogue("test")
    drawn = Sampler(catalogue, "test", Shape(3, 2, 4), 1234).draw(0, 2)
    parts = out.split("\nepisode ")[1:]
    assert [part.splitlines()[0] for part in parts] == [
        f"{number}: 3 classes, 6 support and 12 query examples" for number in (0, 1)
    ]
    for number, part in enumerate(parts):
        rows = [int(row) for row in re.findall(r"folder/(\d+)\.file", part)]
        assert sorted(rows) == sorted(catalogue.rows[[*drawn.support[number], *drawn.query[number]]].tolist())
        for label, one in enumerate(drawn.classes[number]):
            name = catalogue.classes[one].replace("\x1b", "\ufffd")
            block = part.split(f"  {name}\n")[1].split("\n  test")[0]
            own = drawn.support[number][drawn.support_labels[number] == label]
            first = [int(row) for row in re.findall(r"folder/(\d+)\.file", block)][:2]
            assert first == catalogue.rows[own].tolist()
    assert "\x1b" not in out


def test_texts_are_read_out(capsys: pytest.CaptureFixture[str]) -> None:
    uneven = {"way": [3, 4], "shot": {"each": [1, 2]}, "queries": {"total": 8, "dirichlet": 1.0}}
    config = write(sources={"media": {"media": "texts"}}, evaluate={"shapes": [uneven]})
    assert main(["episodes", config, "--show", "3"]) == 0
    out = capsys.readouterr().out
    assert "3-4w 1-2s each 8q Dirichlet 1" in out
    heads = re.findall(r"episode (\d): (\d) classes, (\d) support and (\d) query", out)
    assert [head[0] for head in heads] == ["0", "1", "2"]
    assert all(head[3] == "8" for head in heads)
    assert out.count("sentence ") == sum(int(head[2]) + 8 for head in heads)
    assert "costs $5" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("kind", ["pictures", "sounds", "texts"])
def test_episodes_are_drawn(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib import image

    config = write(sources={"media": {"media": kind}}, evaluate={"shapes": ["3w2s"], "queries": 4})
    assert main(["episodes", config, "--show", "2", "--draw", "drawn"]) == 0
    out = capsys.readouterr().out
    paths = sorted(Path("drawn").iterdir())
    assert [path.name for path in paths] == [f"media-test-3w2s-with-4-queries-{n}.png" for n in (0, 1)]
    for path in paths:
        assert f"drawn: {path}" in out
        pixels = image.imread(path)
        assert min(pixels.shape[:2]) > 300
        assert pixels[..., :3].std() > 0.01
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_one_source_one_shape_another_split(capsys: pytest.CaptureFixture[str]) -> None:
    config = write(
        sources={"toy": None, "media": {"media": "texts"}},
        evaluate={"shapes": ["5w1s", "3w2s"], "queries": 5, "episodes": 40},
        train={"way": [3, 4], "shot": 1, "queries": 2, "episodes": 12, "meta_batch": 3},
    )
    assert main(["episodes", config, "--source", "toy", "--shape", "3w2s"]) == 0
    out = capsys.readouterr().out
    assert out.count("manifest") == 1
    assert "toy: 40 test episodes of 3w2s" in out
    assert main(["episodes", config, "--source", "toy", "--split", "train", "--show", "6"]) == 0
    out = capsys.readouterr().out
    assert "toy: 12 train episodes of 3-4w 1s with 2 queries, seed 0" in out
    sizes = re.findall(r"episode \d: (\d) classes", out)
    assert len(set(sizes[:3])) == len(set(sizes[3:])) == 1, "a meta-batch is of one size"
    catalogue = Toy().catalogue("train")
    sampler = Sampler(catalogue, "train", _shape(config), 0, 3)
    assert sampler.manifest(12) in out
    assert main(["episodes", config, "--source", "toy", "--split", "validation"]) == 0
    assert "toy: 50 validation episodes of 5w1s with 5 queries, seed 1234" in capsys.readouterr().out


def _shape(config: str) -> Shape:
    from kshot.config import Train

    return Train.model_validate(yaml.safe_load(Path(config).read_text())["train"]).shape


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "toi"], ["no source 'toi' (there are: toy); did you mean 'toy'?"]),
        (["--shape", "5w2s"], ["no test episodes of shape '5w2s' (there are: '5w1s', '3w2s')"]),
        (["--set", "evaluate.shapes=[40w1s]"], ["40-way 1-shot", "12 classes"]),
        (["--set", "evaluate.shapes=[[5, 1]]"], ["evaluate.shapes.0"]),
    ],
)
def test_what_cannot_be_shown(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["episodes", write(), *arguments]) == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err


def test_a_media_type_that_nobody_draws(capsys: pytest.CaptureFixture[str]) -> None:
    config = write(sources={"media": {"media": "videos"}}, evaluate={"shapes": ["3w2s"], "queries": 4})
    assert main(["episodes", config]) == 0
    assert main(["episodes", config, "--draw", "drawn"]) == 2
    assert "no picture can be drawn of video/mp4" in capsys.readouterr().err
