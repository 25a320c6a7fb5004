"""kshot fit, predict, enroll, forget, inspect."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from kshot import FewShotClassifier
from kshot.cli import main
from kshot.errors import DataError
from kshot_image.encoders.pixels import Pixels
from PIL import Image

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


def test_a_curve_by_folds_counts_the_examples_that_a_fold_leaves(tickets: Path, capsys: Capture) -> None:
    out = str(tickets.with_name("m.kshot"))
    options = ["--learner", "siamese", "--out", out, "--draws", "6"]
    assert main(["fit", str(tickets), "--encoder", "tfidf", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert lines[5].startswith("the last 1 of 3 examples brought ")


def test_fit_tells_how_accuracy_grows(tickets: Path, capsys: Capture) -> None:
    out = str(tickets.with_name("m.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "15 examples of 3 classes, 5 of each"
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "4"]
    first, last = (float(lines[n].split()[1]) for n in (2, 4))
    assert first < last <= 100
    assert lines[5] == f"the last 2 of 4 examples brought {last - float(lines[3].split()[1]):+.1f} points"
    assert lines[6].startswith(
        "probabilities: of 100 answers given with 80 % certainty 80 should be right; on 15 "
    )
    assert lines[7:] == ["unknown: nothing is", f"classifier: {out}"]


def test_fit_tells_that_a_curve_of_uneven_classes_is_not_of_all_examples(
    tickets: Path, capsys: Capture
) -> None:
    with tickets.open("a") as stream:
        csv.writer(stream).writerows([["the court judge", "law"], ["a judge of the court", "law"]])
    out = str(tickets.with_name("m.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["1", "classes"]
    assert lines[3].startswith("classes differ in size, and here each gives as many examples as the smallest")


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
    monkeypatch.setattr("sys.stdin", arriving("\ufeffsong and drum\r\nengine wheel".encode()))
    assert main(["predict", model, "-", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["input"], one["label"]) for one in found] == [
        ("song and drum", "sing"),
        ("engine wheel", "drive"),
    ]


@pytest.mark.parametrize("how", ["--json", "--csv"])
def test_a_blank_line_keeps_its_place(
    model: str, how: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", arriving(b"\nsong and drum\r\n\r\n  \nengine wheel\n\n"))
    assert main(["predict", model, "-", how]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out) if how == "--json" else list(csv.DictReader(io.StringIO(said.out)))
    assert [one["label"] or None for one in found] == [None, "sing", None, None, "drive", None]
    assert said.err.count("cannot be used: the text is empty") == 4


def test_a_standard_input_without_a_line_is_nothing_to_read(
    model: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", arriving(b""))
    assert main(["predict", model, "-"]) == 2
    assert "nothing to read" in capsys.readouterr().err


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


def test_a_text_that_is_too_long_is_not_repeated_whole(model: str, capsys: Capture) -> None:
    assert main(["predict", model, "oven " * 500_000, "engine wheel"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[1].startswith("engine wheel  drive")
    assert "characters are more than 2,000,000" in said.err
    assert len(said.err) < 11_000


def test_the_table_for_people_shows_the_beginning_of_a_text(model: str, capsys: Capture) -> None:
    long = "oven " * 20_000
    asked = ["predict", model, long, "engine wheel"]
    assert main(asked) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(("oven " * 16)[:79] + "…  cook ")
    assert second.index("drive") == first.index("cook")
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["input"] == long
    assert main([*asked, "--csv"]) == 0
    assert long.strip() in capsys.readouterr().out


def test_the_table_for_people_shows_whole_paths(seeing: str, bars: Path, capsys: Capture) -> None:
    deep = bars / ("a" * 70) / ("b" * 70) / "0.png"
    deep.parent.mkdir(parents=True)
    shutil.copy(bars / "lying" / "0.png", deep)
    assert main(["predict", seeing, str(deep)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{deep}  lying ")


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
        said = capsys.readouterr().err
        assert f"{tmp_path} is the name of a file or folder here" in said
        assert said.endswith("the lines of a file: - < FILE\n")
        (tmp_path / "my tickets.csv").touch()
        assert main([*command, str(tmp_path / "my tickets.csv")]) == 2
        assert capsys.readouterr().err.endswith(f"the lines of a file: - < '{tmp_path}/my tickets.csv'\n")
    assert main(["predict", model, "stir what is in a.txt", "x" * 5000, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_text_is_told_and_the_rest_answered(model: str, capsys: Capture, blank: str) -> None:
    assert main(["predict", model, "stir the oven", blank, "engine", "--json"]) == 1
    said = capsys.readouterr()
    assert [(one["input"], one["label"]) for one in json.loads(said.out)] == [
        ("stir the oven", "cook"),
        (blank, None),
        ("engine", "drive"),
    ]
    shown = " ".join(repr(blank).split())
    assert said.err == f"kshot: {shown} cannot be used: the text is empty\n"
    assert main(["enroll", model, "cook", "stir", blank]) == 2
    assert "' cannot be used: the text is empty" in capsys.readouterr().err


def test_an_empty_argument_is_no_folder(
    seeing: str, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(bars / "lying")
    assert main(["predict", seeing, "", "0.png", "--json"]) == 1
    said = capsys.readouterr()
    assert [(one["input"], one["label"]) for one in json.loads(said.out)] == [("", None), ("0.png", "lying")]
    assert said.err == "kshot: '' cannot be used: No such file or directory\n"
    assert main(["enroll", seeing, "lying", ""]) == 2
    assert "enroll: '' cannot be used: No such file" in capsys.readouterr().err


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    images, labels = pictures(6)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (tmp_path / "bars" / label).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "bars" / label / f"{number}.png")
    return tmp_path / "bars"


def fit_bars(bars: Path) -> list[str]:
    size = ["--set", "encoder.size=12"]
    out = str(bars.with_name("bars.kshot"))
    return ["fit", str(bars), "--encoder", "pixels", *size, "--out", out, "--draws", "0"]


@pytest.fixture
def seeing(bars: Path, capsys: Capture) -> str:
    assert main(fit_bars(bars)) == 0
    capsys.readouterr()
    return str(bars.with_name("bars.kshot"))


def test_files_folders_and_patterns_are_read(bars: Path, capsys: Capture) -> None:
    model = str(bars.with_name("bars.kshot"))
    assert main(fit_bars(bars)) == 0
    assert "12 examples of 2 classes, 6 of each" in capsys.readouterr().out
    # What a copy from another system leaves behind; training passes over it, too.
    (bars / "lying" / "._0.png").write_bytes(b"no picture")
    (bars / "lying" / ".cache").mkdir()
    (bars / "lying" / ".cache" / "1.png").write_bytes(b"no picture")
    asked = [str(bars / "lying"), str(bars / "standing" / "*.png"), str(bars / "lying" / "0.png")]
    assert main(["predict", model, *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in found] == ["lying"] * 6 + ["standing"] * 6 + ["lying"]
    assert main(["predict", model, str(bars / "*.gif")]) == 2
    assert "no file fits this pattern" in capsys.readouterr().err


def test_what_cannot_be_used_is_told_and_the_rest_answered(
    seeing: str, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(bars)
    Path("cut.png").write_bytes(Path("lying/0.png").read_bytes()[:50])
    Path("notes.png").write_text("no picture")
    asked = ["cut.png", "lying/0.png", "gone.png", "standing/6.png", "notes.png"]
    assert main(["predict", seeing, *asked, "--json"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert [one["input"] for one in found] == asked
    assert [one["label"] for one in found] == [None, "lying", None, "standing", None]
    assert [len(one["top"]) for one in found] == [0, 1, 0, 1, 0]
    assert [bool(one.get("error")) for one in found] == [True, False, True, False, True]
    lines = said.err.splitlines()
    assert [line.split()[1] for line in lines] == ["cut.png", "gone.png", "notes.png"]
    assert lines[1] == "kshot: gone.png cannot be used: No such file or directory"
    assert lines[2].startswith("kshot: notes.png cannot be used: not an image in a known format")
    assert main(["predict", seeing, *asked, "--csv", "--top", "2"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["", "lying", "", "standing", ""]
    assert [row["error"] for row in rows] == [one.get("error", "") for one in found]
    assert [float(row["probability_2"] or 2) < 1 for row in rows] == [False, True, False, True, False]
    assert main(["predict", seeing, *asked]) == 1
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["lying/0.png", "standing/6.png"]
    assert said.err.splitlines() == lines


@pytest.mark.parametrize(("how", "printed"), [([], ""), (["--csv"], "input,label,error\n")])
def test_nothing_at_all_can_be_used(seeing: str, how: list[str], printed: str, capsys: Capture) -> None:
    assert main(["predict", seeing, "gone.png", *how]) == 1
    assert capsys.readouterr().out.startswith(printed)


def test_what_the_encoder_refuses_is_told_and_the_rest_answered(
    seeing: str, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """It refuses a batch, and does not know where its examples come from."""
    prepare = Pixels.prepare

    def upright(self: Pixels, raw: Sequence[Any]) -> Any:
        if any(image.width > image.height for image in raw):
            raise DataError("too wide")
        return prepare(self, raw)

    monkeypatch.setattr(Pixels, "prepare", upright)
    monkeypatch.chdir(bars)
    Image.new("L", (20, 10)).save("wide.png")
    assert main(["predict", seeing, "lying/0.png", "wide.png", "gone.png", "standing/6.png", "--json"]) == 1
    said = capsys.readouterr()
    assert [one["label"] for one in json.loads(said.out)] == ["lying", None, None, "standing"]
    assert said.err.splitlines()[0] == "kshot: wide.png cannot be used: too wide"
    assert main(["enroll", seeing, "wide", "lying/0.png", "wide.png"]) == 2
    assert "enroll: wide.png cannot be used: too wide" in capsys.readouterr().err


def test_enroll_takes_all_or_nothing_and_names_what_it_cannot_use(
    seeing: str, bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(bars)
    assert main(["enroll", seeing, "more", "lying/0.png", *(f"gone{n}.png" for n in range(12))]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "kshot: enroll: 12 examples cannot be used"
    assert lines[1] == "  - gone0.png cannot be used: No such file or directory"
    assert lines[10:] == ["  - gone9.png cannot be used: No such file or directory", "  and 2 more"]
    assert main(["inspect", seeing]) == 0
    assert "more" not in capsys.readouterr().out


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


def test_fit_names_all_examples_that_cannot_be_used(bars: Path, capsys: Capture) -> None:
    for name in ("lying/0.png", "standing/7.png"):
        (bars / name).write_bytes(b"no picture")
    assert main(fit_bars(bars)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == (
        f"kshot: {bars}: 2 of 12 examples cannot be used; mend or remove them, or leave them out by "
        "--set data.on_error=skip"
    )
    assert [line.split(": ")[0] for line in lines[1:]] == [
        f"  - {bars}/lying/0.png",
        f"  - {bars}/standing/7.png",
    ]
    assert main([*fit_bars(bars), "--set", "data.on_error=skip"]) == 0
    assert "10 examples of 2 classes, 5 of each" in capsys.readouterr().out


def test_fit_tells_of_copies_under_several_classes(bars: Path, capsys: Capture) -> None:
    def told() -> list[str]:
        return [line for line in capsys.readouterr().err.splitlines() if "several classes" in line]

    own = bars / "lying" / "own.png"
    Image.new("L", (12, 12), 77).save(own)
    shutil.copy(own, bars / "lying" / "own again.png")
    assert main(fit_bars(bars)) == 0
    assert not told()  # twice in one class
    (bars / "lying" / "own again.png").unlink()
    shutil.copy(own, bars / "standing" / "copy.png")
    assert main(fit_bars(bars)) == 0
    [line] = told()
    assert line.endswith(
        f"fit: the same example under several classes: {own} and {bars}/standing/copy.png; one of "
        "them is probably wrong"
    )
    table = bars.with_name("bars.csv")
    places = sorted(bars.glob("*/*.png"))
    with table.open("w") as stream:
        csv.writer(stream).writerows([["image", "label"], *((p, p.parent.name) for p in places)])
    assert main([*fit_bars(bars)[:1], str(table), *fit_bars(bars)[2:]]) == 0
    [line] = told()
    assert f"{table} line {places.index(own) + 2}, column 'image' and {table} line " in line


def test_fit_names_the_files_that_the_encoder_refuses(
    bars: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def refuses(self: Pixels, raw: Sequence[Any]) -> Any:
        if any(image.width > image.height for image in raw):
            raise DataError("too wide")
        return prepare(self, raw)

    prepare = Pixels.prepare
    monkeypatch.setattr(Pixels, "prepare", refuses)
    Image.new("L", (20, 10)).save(bars / "lying" / "wide.png")
    assert main(fit_bars(bars)) == 2
    assert f"fit: {bars}/lying/wide.png cannot be used: too wide" in capsys.readouterr().err
    others = bars.with_name("others")
    others.mkdir()
    (bars / "lying" / "wide.png").rename(others / "wide.png")
    assert main([*fit_bars(bars), "--negatives", str(others)]) == 2
    assert f"fit, negatives: {others}/wide.png cannot be used: too wide" in capsys.readouterr().err


def test_negatives_of_texts_may_be_files_of_a_folder_however_deep(tmp_path: Path, capsys: Capture) -> None:
    for name, text in (
        ("a/1", "boil flour"),
        ("a/2", "boil oven"),
        ("b/1", "engine wheel"),
        ("b/2", "engine"),
    ):
        (tmp_path / "classes" / name).with_suffix(".txt").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "classes" / name).with_suffix(".txt").write_text(text)
    (tmp_path / "others" / "deep").mkdir(parents=True)
    (tmp_path / "others" / "1.txt").write_text("the weather")
    (tmp_path / "others" / "deep" / "2.txt").write_text("a song", encoding="utf-8-sig")
    made = ["fit", str(tmp_path / "classes"), "--encoder", "tfidf", "--draws", "0"]
    made += ["--out", str(tmp_path / "texts.kshot"), "--negatives", str(tmp_path / "others")]
    assert main(made) == 0
    assert "of 2 negatives" in capsys.readouterr().out
    (tmp_path / "others" / "blank.txt").write_text("  ")
    assert main(made) == 2
    assert f"fit, negatives: {tmp_path}/others/blank.txt cannot be used: " in capsys.readouterr().err


def test_how_many_files_of_other_endings_are_left_out_is_told(bars: Path, capsys: Capture) -> None:
    for name in ("lying/notes.txt", "lying/a.HEIC", "standing/b.heic", "standing/.hidden.txt"):
        (bars / name).write_bytes(b"no picture")
    assert main(fit_bars(bars)) == 0
    told = f"{bars}: left out 2 .heic, 1 .txt; what is read ends in .png, .jpg, "
    assert capsys.readouterr().err.startswith(told)
    model = str(bars.with_name("bars.kshot"))
    assert main(["predict", model, str(bars / "lying"), "--json"]) == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 6
    assert said.err.startswith(f"{bars / 'lying'}: left out 1 .heic, 1 .txt; what is read ends in .png, ")
    (bars / "notes").mkdir()
    (bars / "notes" / "1.txt").write_text("no picture")
    assert main(["predict", model, str(bars / "notes")]) == 2
    assert "no file there ends in .png" in (said := capsys.readouterr().err)
    assert said.endswith("; there are 1 .txt\n")


def test_a_folder_is_no_model(bars: Path, capsys: Capture) -> None:
    assert main(["predict", str(bars), "lying/0.png"]) == 2
    assert capsys.readouterr().err == (
        f"kshot: {bars} is a folder, and a classifier is a file that `kshot fit` wrote\n"
    )
    for file, learner in (("results.json", bars / "cells" / "ID"), ("cell.json", bars)):
        (bars / file).touch()
        assert main(["inspect", str(bars)]) == 2
        told = f"made so: kshot fit DATA --learner {learner} --out FILE\n"
        assert capsys.readouterr().err.endswith(told)
        (bars / file).unlink()


def test_files_of_another_modality_than_the_encoders_are_told(bars: Path, capsys: Capture) -> None:
    out = str(bars.with_name("m.kshot"))
    assert main(["fit", str(bars), "--encoder", "tfidf", "--out", out]) == 2
    told = f"kshot: {bars} holds 12 image files, and 'tfidf' reads text; encoders for image: conv4, "
    assert capsys.readouterr().err.startswith(told)


def test_a_table_without_the_encoders_column_is_told_its_option_and_other_encoders(
    tickets: Path, capsys: Capture
) -> None:
    fit = ["fit", str(tickets), "--out", str(tickets.with_name("m.kshot")), "--encoder"]
    assert main([*fit, "pixels"]) == 2
    assert (
        "tickets.csv has no column 'image' (it has: text, label); name it by --set data.image=COLUMN, or take another "
        "encoder: 'pixels' reads image; encoders for text: "
    ) in capsys.readouterr().err
    assert main([*fit, "tfidf", "--set", "data.label=sort"]) == 2
    assert "has no column 'sort' (it has: text, label); name it by --set data.label=COLUMN\n" in (
        capsys.readouterr().err
    )


def test_trainings_say_how_far_they_are_on_the_standard_error(
    tickets: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line now and then; here at the end of each training at least."""
    monkeypatch.setattr("kshot.classifier.method.TOLD_SECONDS", 0.0)
    out = str(tickets.with_name("m.kshot"))
    fit = ["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "3"]
    assert main([*fit, "--learner", "siamese"]) == 0
    said = capsys.readouterr()
    ends = [
        line.partition(": 200/200 episodes, loss ")[0] for line in said.err.splitlines() if "200/200" in line
    ]
    assert ends == ["siamese", *(f"siamese, part {n} of 3 held out" for n in (1, 2, 3))]
    assert all(line.endswith(" left") for line in said.err.splitlines())
    assert "episodes" not in said.out
    assert main(["predict", out, "boil the flour", "--json"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["forget", out, "sing"]) == 0
    assert capsys.readouterr().err.count("200/200 episodes") == 4
    FewShotClassifier("tfidf", "siamese", episodes=2).fit(*texts())
    assert capsys.readouterr().err == ""  # from Python only where logging is set up to say so


def test_quick_trainings_say_nothing(tickets: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.classifier.method.TOLD_SECONDS", 1e9)
    out = str(tickets.with_name("m.kshot"))
    fit = ["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "0"]
    assert main([*fit, "--learner", "siamese"]) == 0
    assert capsys.readouterr().err == ""


def test_labels_that_differ_by_case_are_told(tickets: Path, capsys: Capture) -> None:
    with tickets.open("a") as stream:
        csv.writer(stream).writerows([["the flour", "Cook"], ["boil and stir", "Cook"]])
    out = str(tickets.with_name("m.kshot"))
    assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", "0"]) == 0
    said = capsys.readouterr()
    alike, twice = said.err.splitlines()
    assert "'Cook' and 'cook'; give" in alike
    assert "'boil and stir' ('Cook', 'cook')" in twice
    assert "17 examples of 4 classes" in said.out


def test_the_intervals_of_the_curve_end_where_accuracy_does(tickets: Path, capsys: Capture) -> None:
    """And more draws do not make more examples: where all is right, something is left to doubt."""
    for draws in ("1", "40"):
        out = str(tickets.with_name("m.kshot"))
        assert main(["fit", str(tickets), "--encoder", "tfidf", "--out", out, "--draws", draws]) == 0
        for line in capsys.readouterr().out.splitlines()[2:5]:
            mean, low, high = map(float, re.findall(r"\d+\.\d", line))
            assert 0 <= low <= mean <= high <= 100
            assert high - low > 20
