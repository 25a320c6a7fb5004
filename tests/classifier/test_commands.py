"""kshot fit, predict, enroll, forget, inspect."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from kshot.cli import main

from .things import pictures, texts

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    with path.open("w") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(*texts(), strict=True)])
    return path


@pytest.fixture
def model(tickets: Path, capsys: Capture) -> str:
    path = str(tickets.with_name("tickets.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", path, "--draws", "0"]) == 0
    capsys.readouterr()
    return path


def arriving(content: bytes) -> io.TextIOWrapper:
    """A standard input."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8")


def test_fit_tells_how_accuracy_grows(tickets: Path, capsys: Capture) -> None:
    out = str(tickets.with_name("m.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "15 examples of 3 classes, 5 of each"
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "4"]
    first, last = (float(lines[n].split()[1]) for n in (2, 4))
    assert first < last <= 100
    assert lines[5] == f"the last 2 of 4 examples brought {last - float(lines[3].split()[1]):+.1f} points"
    assert lines[6].startswith("probabilities: temperature ")
    assert lines[7:] == ["unknown: nothing is", f"classifier: {out}"]


def test_fit_names_the_class_that_has_one_example(tickets: Path, capsys: Capture) -> None:
    with tickets.open("a") as stream:
        csv.writer(stream).writerow(["the court judge", "law"])
    out = str(tickets.with_name("m.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out]) == 0
    assert (
        "no learning curve: one example alone, so that none can be held out, of law\n"
        in capsys.readouterr().out
    )


def test_predict_prints_for_people_programs_and_spreadsheets(model: str, capsys: Capture) -> None:
    asked = ["boil the flour", "=SUM(A1) wheel"]
    assert main(["predict", model, *asked]) == 0
    plain = capsys.readouterr().out.splitlines()
    assert plain[1].startswith("boil the flour  cook   cook ")
    assert plain[1].endswith(" %")
    assert main(["predict", model, *asked, "--top", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in found] == ["cook", "drive"]
    assert [len(one["top"]) for one in found] == [2, 2]
    assert found[0]["top"][0]["probability"] > found[0]["top"][1]["probability"]
    assert main(["predict", model, *asked, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["cook", "drive"]
    assert rows[1]["input"] == "'=SUM(A1) wheel"


def test_texts_come_from_the_standard_input(
    model: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", arriving("\ufeffsong and drum\r\n\nengine wheel\n".encode()))
    assert main(["predict", model, "-", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["input"], one["label"]) for one in found] == [
        ("song and drum", "sing"),
        ("engine wheel", "drive"),
    ]


@pytest.mark.parametrize("encoding", ["latin1", "utf-16"])
def test_a_standard_input_of_another_encoding_is_refused(
    model: str, encoding: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", arriving("caf\xe9 oven\n".encode(encoding)))
    assert main(["predict", model, "-"]) == 2
    told = (
        f"kshot: the standard input is not UTF-8 text; save it as UTF-8, as by `iconv -f {encoding} -t utf-8"
    )
    assert capsys.readouterr().err.startswith(told)


def test_classes_are_enrolled_and_forgotten(model: str, capsys: Capture) -> None:
    assert main(["enroll", model, "law", "the road stir", "stir road oven"]) == 0
    assert capsys.readouterr().out == f"law: 2 examples; 4 classes in {model}\n"
    assert main(["forget", model, "cook"]) == 0
    assert capsys.readouterr().out == f"cook: forgotten; 3 classes in {model}\n"
    assert main(["inspect", model]) == 0
    shown = capsys.readouterr().out
    assert "encoder: tfidf" in shown
    assert [line.split() for line in shown.splitlines()[-4:-1]] == [
        ["drive", "5"],
        ["law", "2"],
        ["sing", "5"],
    ]
    assert main(["forget", model, "cok"]) == 2
    assert "there is no class 'cok'" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["tickets.txt", "a/b.CSV"])
def test_the_name_of_a_file_is_no_text(model: str, tmp_path: Path, capsys: Capture, given: str) -> None:
    """Its name would be classified, or taught, where its content is meant."""
    for command in (["predict", model], ["enroll", model, "cook"]):
        assert main([*command, given]) == 2
        assert f"{given}: no such file; texts are given as they are" in capsys.readouterr().err
        assert main([*command, str(tmp_path)]) == 2
        assert f"{tmp_path} is the name of a file or folder here" in capsys.readouterr().err
    assert main(["predict", model, "stir what is in a.txt", "x" * 5000, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_files_folders_and_patterns_are_read(tmp_path: Path, capsys: Capture) -> None:
    images, labels = pictures(6)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / "bars" / label).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "bars" / label / f"{number}.png")
    (tmp_path / "bars" / "lying" / "notes.txt").write_text("no picture")
    model, bars = str(tmp_path / "bars.kshot"), tmp_path / "bars"
    size = ["--set", "encoder.size=12"]
    assert main(["fit", str(bars), "--encoder", "pixels", *size, "--out", model, "--draws", "5"]) == 0
    assert "12 examples of 2 classes, 6 of each" in capsys.readouterr().out
    # What a copy from another system leaves behind; training passes over it, too.
    (bars / "lying" / "._0.png").write_bytes(b"no picture")
    (bars / "lying" / ".cache").mkdir()
    (bars / "lying" / ".cache" / "1.png").write_bytes(b"no picture")
    asked = [str(bars / "lying"), str(bars / "standing" / "*.png"), str(bars / "lying" / "0.png")]
    assert main(["predict", model, *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in found] == ["lying"] * 6 + ["standing"] * 6 + ["lying"]
    for missing, message in (
        (str(bars / "none.png"), "cannot be used: No such file"),
        (str(bars / "*.gif"), "no file fits this pattern"),
        (str(tmp_path / "bars" / "lying" / "notes.txt"), "not an image in a known format"),
    ):
        assert main(["predict", model, missing]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--encoder", "tfidd"], "unknown encoder 'tfidd'"),
        (
            ["--encoder", "tfidf", "--set", "scale=3"],
            "write encoder.KEY=VALUE, learner.KEY=VALUE or data.KEY=VALUE",
        ),
        (["--encoder", "tfidf", "--set", "learner.scal=3"], "learner_options.scal: unknown option"),
        (["--encoder", "tfidf", "--set", "data.txt=3"], "data.txt: unknown option"),
        (["--encoder", "tfidf", "--unknown", "2"], "give the share of known examples"),
        ([], "--encoder is missing; `kshot list encoders` names those that are there"),
        (["--learner", "runs/none"], "learner 'runs/none': no such learner, and no benchmark is there"),
    ],
)
def test_mistakes_are_told(tickets: Path, arguments: list[str], message: str, capsys: Capture) -> None:
    out = tickets.with_name("m.kshot")
    assert main(["fit", str(tickets), *arguments, "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
