"""``kshot sources show``: what is told of a source, its picture, and its messages."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pluggy
import pytest
import yaml
from kshot import SourceSpec, builtin, hookspecs
from kshot.cli import main
from kshot.cli.sources.export import folder_name
from kshot.cli.sources.histogram import histogram
from kshot.errors import DataError
from kshot.interfaces import Presentation, Source, Split
from kshot.registry import Entry, PluginReport, Registry
from kshot.report.contact import Row, contact_sheet
from kshot.report.writing import families, wrapped
from kshot.sampling import Catalogue
from kshot.specs import EncoderSpec
from kshot.splits import DEFAULT_SPLIT, SplitOptions

LISTS = {"train": ["a", "b"], "test": ["c"]}
ON_PAPER = "Anon et al., A very long title, " * 4 + "1901"


def png(width: int, height: int, colour: Sequence[float] = (1.0, 0.0, 0.0)) -> bytes:
    from matplotlib import image

    stream = io.BytesIO()
    image.imsave(stream, np.tile(np.asarray(colour), (height, width, 1)), format="png")
    return stream.getvalue()


def read(sheet: bytes) -> np.ndarray:
    """The pixels of a PNG picture, (height, width, 3) in 0 … 1."""
    from matplotlib import image

    return image.imread(io.BytesIO(sheet))[..., :3]


def wav(seconds: float) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        times = np.arange(round(8000 * seconds)) / 8000
        file.writeframes((2e4 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes())
    return stream.getvalue()


DRAWN: Mapping[str, Callable[[int], Presentation]] = {
    "pictures": lambda row: Presentation("image/png", png(20 + row, 10)),
    "sounds": lambda row: Presentation("audio/wav", wav(0.1 + row / 20)),
    "texts": lambda row: Presentation("text/plain", f"Costs $5 and ${row}: 日本 \x1b[31m".encode()),
    "broken": lambda row: Presentation("image/png", b"no picture"),
}


class Made(Source):
    """Classes a … f of 1 … 6 examples, in train and test."""

    modality = "toy"

    def __init__(self, media: str) -> None:
        self.skipped = [f"file {number} is empty\x1b[31m" for number in range(12)] if media == "texts" else ()
        self._draw = DRAWN[media]

    def catalogue(self, split: Split) -> Catalogue:
        if split == "validation":
            raise DataError("made: no validation classes")
        names = "abcd" if split == "train" else "ef"
        labels = [name for name in names for _ in range(ord(name) - ord("a") + 1)]
        keys = [f"{number:03d}" for number in range(len(labels))]
        return Catalogue.build(
            labels,
            keys,
            version="1",
            class_groups={"kind": dict.fromkeys(names, "letter")},
            example_groups={"parity": [str(number % 2) for number in range(len(labels))]},
        )

    def fetch(self, row: int) -> int:
        return row

    def present(self, raw: int) -> Presentation:
        return self._draw(raw)


def made(
    *,
    path: str,
    media: Literal["pictures", "sounds", "texts", "broken"] = "pictures",
    split: SplitOptions = DEFAULT_SPLIT,
) -> Source:
    """The classes above, where the path exists."""
    del split
    if not Path(path).exists():
        raise DataError(f"no such file or folder: {path}")
    return Made(media)


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = SourceSpec(
        "made",
        "letters",
        f"{__name__}:made",
        paper=ON_PAPER,
        licence="CC0-1.0",
        modality="toy",
        options={"path": "data", "split": "lists"},
        splits={"lists": LISTS},
    )
    specs = [
        ("sources", spec),
        ("sources", SourceSpec("bare", "letters", f"{__name__}:made", modality="toy")),
        ("encoders", EncoderSpec("toy_encoder", "a net", "kshot.testing.toy:toy_encoder", modality="toy")),
        *(("learners", one) for one in builtin.kshot_learners()),
    ]
    entries = [Entry(kind, one, "toy", "kshot-toy", "1.0") for kind, one in specs]
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    registry = Registry(manager, [PluginReport("toy", "kshot-toy", "1.0", "toy")], entries)
    monkeypatch.setattr("kshot.registry.load_registry", lambda: registry)
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()


def test_what_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "show", "made"]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "made: letters"
    assert "distribution kshot-toy 1.0" in lines
    assert "licence CC0-1.0" in lines
    assert "path data" in lines
    assert "split lists, published: by lists of classes (2 / 0 / 1)" in lines
    assert "train 4 10 1 … 4, median 2.5 kind 1, parity 2" in lines
    assert "validation none" in lines
    assert "test 2 11 5 … 6, median 5.5 kind 1, parity 2" in lines
    bars = [line for line in out.splitlines() if "█" in line]
    assert [bar.split()[0] for bar in bars] == list("abcd")
    assert [bar.split()[-1] for bar in bars] == list("1234")
    assert bars[3].count("█") == 4 * bars[0].count("█")
    assert lines[-1] == "train, examples: runs/sources/made-train.png"
    assert max(map(len, out.splitlines())) <= 80
    assert ON_PAPER in " ".join(out.split())


def test_json_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "show", "made", "--json", "--split", "test", "--out", "sheet.png"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["options"] == {"path": "data", "media": "pictures", "split": {**LISTS, "validation": []}}
    assert (told["licence"], told["citation"], told["sheet"]) == ("CC0-1.0", ON_PAPER, "sheet.png")
    assert told["splits"]["test"] == {
        "classes": 2,
        "examples": 11,
        "per_class": {"min": 5, "median": 5.5, "max": 6},
        "parts": {},
        "class_groups": {"kind": 1},
        "example_groups": {"parity": 2},
        "sizes": {"e": 5, "f": 6},
    }
    assert list(told["splits"]) == ["train", "test"]


@pytest.mark.parametrize("media", ["pictures", "sounds", "texts"])
def test_the_sheet_is_a_picture(media: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "show", "made", "--set", f"media={media}", "--out", "below/sheet.png"]) == 0
    pixels = read(Path("below/sheet.png").read_bytes())
    assert pixels.shape[0] > 500
    assert pixels.shape[1] > 900
    assert pixels.min() < 0.3
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert ("skipped as unusable: 12" in out) == (media == "texts")
    assert ("and 2 more (--json names all)" in out) == (media == "texts")


def test_a_sheet_shows_every_example_it_is_given() -> None:
    colours = np.eye(3)
    rows = [Row(name, "", [Presentation("image/png", png(9, 9, colours[i]))]) for i, name in enumerate("xyz")]
    pixels = read(contact_sheet("title $x$", "below", rows))
    for colour in colours:
        count = int((np.abs(pixels - colour).max(axis=-1) < 0.02).sum())
        # A box of 1.1 inches at 150 dots per inch, less the frame on its edge.
        assert count == pytest.approx((1.1 * 150) ** 2, rel=0.05)


def test_proportions_are_kept_and_large_pictures_thinned_out() -> None:
    sheet = contact_sheet("t", "", [Row("a", "", [Presentation("image/png", png(1500, 750))])])
    red = np.abs(read(sheet) - (1, 0, 0)).max(axis=-1) < 0.02
    height, width = (int(red.any(axis=axis).sum()) for axis in (1, 0))
    assert width == pytest.approx(2 * height, rel=0.03)


def test_longer_sounds_are_wider() -> None:
    rows = [Row("a", "", [Presentation("audio/wav", wav(seconds)) for seconds in (0.5, 1.0)])]
    pixels = read(contact_sheet("t", "", rows))
    line = pixels[round(150 * 0.95)]  # through the quiet upper part of both spectrograms
    dark = np.flatnonzero(line.max(axis=-1) < 0.2)
    first, second = np.split(dark, 1 + np.flatnonzero(np.diff(dark) > 20))
    assert len(second) == pytest.approx(2 * len(first), rel=0.05)


def test_names_break_at_their_joints() -> None:
    name = "Atemayar_Qelisayer/character12/rot270"
    assert wrapped(name, 1.7, 3, 9).splitlines() == ["Atemayar_Qelisayer/", "character12/rot270"]
    assert wrapped(name, 1.1, 3, 9).splitlines() == ["Atemayar_", "Qelisayer/", "character12/…"]
    assert wrapped("one two three", 0.5, 1, 9) == "one…"
    assert wrapped("", 1.0, 1, 9) == ""
    assert families()[0] == "DejaVu Sans"


def test_lines_are_as_wide_as_their_letters() -> None:
    narrow, wide = (wrapped(letter * 100, 1.0, 1, 9) for letter in "iW")
    assert len(narrow) > 3 * len(wide)


def test_an_example_that_cannot_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "show", "made", "--set", "media=broken"]) == 2
    assert "kshot: made: an example cannot be drawn: not a PNG picture" in capsys.readouterr().err
    assert not Path("runs").exists()


def configured(**options: Any) -> str:
    content = {
        "name": "toy",
        "sources": {"mine": {"use": "made", "train": {"way": 2}, **options}},
        "encoders": {"toy": "toy_encoder"},
        "learners": ["prototypical"],
    }
    Path("toy.yaml").write_text(yaml.safe_dump(content))
    return "toy.yaml:mine"


def test_a_source_of_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    name = configured(media="sounds", split={"fractions": [0.5, 0.0, 0.5]})
    assert main(["sources", "show", f"./{name}", "--set", "split.seed=7"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "./toy.yaml:mine: letters"
    assert "media sounds" in lines
    assert "split classes drawn at random (0.5 / 0 / 0.5, seed 7)" in lines
    assert lines[-1] == "train, examples: runs/sources/toy.yaml-mine-train.png"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["made", "--set", "path=nowhere"],
            "no such file or folder: nowhere (`path` is nowhere; --set path=…",
        ),
        (["bare"], "bare (options are given by --set key=value): 1 problem\n  - path: is missing"),
        (["made", "--set", "pth=x"], "pth: unknown option; did you mean 'path'?"),
        (["made", "--set", "path"], "'path': write --set key=value, such as --set path=pictures"),
        (["made", "--set", "path={"], "path: the value '{' is not valid YAML"),
        (["made", "--set", "path=a", "--set", "path.b=c"], "path.b: 'path' is no mapping"),
        (["made", "--set", "split=list"], "'made' has no published split 'list'; did you mean 'lists'?"),
        (["made", "--split", "validation"], "made: no validation classes"),
        (["mad"], "unknown source 'mad'; did you mean 'made'?"),
        (["made:x"], "'made' takes nothing after a colon"),
        (["toy.yaml"], "which source of toy.yaml? write toy.yaml:ID with one of mine"),
        (["toy.yaml:min"], "toy.yaml:ID with one of mine; did you mean 'mine'?"),
        (["none.yaml:mine"], "none.yaml: 1 problem\n  - no such file"),
        (["made", "--out", "file/below.png"], "cannot write file/below.png"),
        (["made", "--out", "data"], "cannot write data: Is a directory"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configured()
    Path("file").touch()
    assert main(["sources", "show", *arguments]) == 2
    err = capsys.readouterr().err
    assert text in err
    assert "Traceback" not in err


def test_bars_where_the_terminal_knows_no_blocks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="replace")
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["sources", "show", "made"]) == 0
    stream.flush()
    assert b"####" in stream.buffer.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_bars_begin_together_in_every_script() -> None:
    wide, plain, long = histogram({"日本語": 2, "plain": 1, "x" * 50: 1}, 60, "#")[1:]
    assert len(wide.split("#")[0]) == len(plain.split("#")[0]) - 3, "three letters of two columns each"
    assert f" {'x' * 31}… " in long


def test_many_classes_are_counted_by_their_size() -> None:
    sizes = {f"class {number}": 10 + number for number in range(31)}
    first, *lines = histogram(sizes, 60, "#")
    assert first == "how many classes have how many examples:"
    assert [line.split()[:3] for line in lines[:2]] == [["10", "to", "13"], ["14", "to", "17"]]
    assert [int(line.split()[-1]) for line in lines[:-2]] == [4, 4, 4, 4, 4, 4, 4, 3]
    assert lines[-2] == "  largest: class 30 (40), class 29 (39), class 28 (38)"
    assert lines[-1] == "  smallest: class 0 (10), class 1 (11), class 2 (12)"
    assert max(map(len, lines)) <= 60
    assert histogram(dict.fromkeys(sizes, 1500), 60, "#") == ["examples of each class: 1,500"]
    assert histogram({**dict.fromkeys(sizes, 4), "x": 5}, 60, "#")[1].split()[0] == "4"


def test_lists_tell_licence_and_citation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "sources"]) == 0
    [line] = [one for one in capsys.readouterr().out.splitlines() if one.split()[:1] == ["made"]]
    assert all(told in line for told in ("lists", "CC0-1.0", ON_PAPER, "kshot-toy 1.0"))
    assert main(["list", "sources", "--json"]) == 0
    told = {one["name"]: one for one in json.loads(capsys.readouterr().out)["sources"]}
    assert told["made"]["options"] == {"path": "data", "split": "lists"}
    assert (told["made"]["splits"], told["made"]["paper"]) == (["lists"], ON_PAPER)


def test_lists_are_readable_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["list", "sources"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "licence: CC0-1.0" in out
    assert "citation: Anon et al." in out


def test_examples_are_written_as_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "export", "made", "--out", "files", "--classes", "1", "--examples", "3"]) == 0
    assert capsys.readouterr().out == "3 examples of 1 classes: files\n"
    written = sorted(Path("files").rglob("*.*"))
    assert [path.as_posix() for path in written] == [f"files/e/000{n}.png" for n in range(3)]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    more = ["sources", "export", "made", "--split", "train", "--set", "media=texts", "--skip", "1"]
    assert main([*more, "--out", "texts"]) == 0
    names = [path.as_posix() for path in sorted(Path("texts").rglob("*.txt"))]
    assert [name.split("/")[1] for name in names] == ["b", "c", "c", "d", "d", "d"]


def test_a_folder_that_holds_something_is_not_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    Path("full").mkdir()
    (Path("full") / "mine.txt").write_text("mine")
    assert main(["sources", "export", "made", "--out", "full"]) == 2
    assert "full exists already; choose a folder that is new or empty" in capsys.readouterr().err
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("label", "folder"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("a\\b:c", "a%5Cb%3Ac"), ("plain name", "plain name")],
)
def test_a_class_name_is_no_way_out_of_the_folder(label: str, folder: str) -> None:
    assert folder_name(label) == folder
