"""Names that mean something to a browser, a spreadsheet, Markdown, a terminal or a file system, in every output."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kshot import cli, results
from kshot.classifier import Answer
from kshot.cli.product.answers import print_csv, print_json, print_plain
from kshot.cli.product.items import Item
from kshot.cli.sources.export import folder_name
from kshot.report import write_report
from kshot.results.sheet import sheet
from kshot.results.summary import summary
from kshot.results.text import markdown, printable, unformula

from tests.unit.made_up import made_up_results, sample

from .forms import odd_names
from .harness import Victim

NAMES = [
    "a/b/../../c",
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER}",
    "\u05e9\u05dc\u05d5\u05dd",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "=cmd|' /C calc'!A0",
    "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", ' "=1', "a;=1", 'a; "=1',
    "<script>alert('kshot')</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "[x](javascript:alert(1)) ![y](http://x/y.png)",
    "| a | b |\n|---|---|",
    "`code` **bold** $x$ \\input{/etc/passwd}",
    "\x1b[2J\x1b]0;owned\x07",
    "a\0b\ud800c",
    "{{7*7}} ${7*7} %s",
    "&lt;b&gt; &amp;",
]  # fmt: skip
ACTIVE = ("script", "img", "svg", "iframe", "object", "embed", "a", "form", "link", "meta", "base", "style")
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
NUMBER = r"-?\d+(\.\d+)?(e[+-]?\d+)?"


def _named(name: str) -> Any:
    """Results in which everything that has a name has this one."""
    found = made_up_results()
    named = ("id", "learner", "encoder", "source", "note", "error")
    cells = [
        cell.model_copy(update={field: f"{name}{getattr(cell, field) or ''}" for field in named})
        for cell in found.cells
    ]
    return found.model_copy(update={"name": name, "cells": cells})


class _Page(HTMLParser):
    """Which elements there are and what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))
        assert not any(name.startswith("on") for name, _ in attrs), attrs
        for name, value in attrs:
            if name in ("href", "src"):
                assert not (value or "").strip().lower().startswith("javascript"), value

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _report(folder: Path, name: str) -> _Page:
    results.save(folder, _named(name))
    results.save_sample(
        folder, sample("shapes", "text", [[b"flour"], [b"song"]], "text/plain", [name, "other"])
    )
    page = _Page()
    page.feed(write_report(folder).read_text(encoding="utf-8"))
    return page


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> _Page:
    return _report(tmp_path_factory.mktemp("plain"), "plain")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_makes_no_element_of_the_report(tmp_path: Path, plain: _Page, name: str) -> None:
    page = _report(tmp_path, name)
    scripts = [
        tag for tag, _ in page.tags if tag in ("script", "img", "svg", "iframe", "object", "a", "form")
    ]
    assert scripts == [
        tag for tag, _ in plain.tags if tag in ("script", "img", "svg", "iframe", "object", "a", "form")
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.html",
        "results.csv",
        "results.json",
        "results.md",
        "results.tex",
        "samples",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_spreadsheet_runs_nothing(name: str) -> None:
    text = sheet(_named(name))
    for separator in (",", ";", "\t"):
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            for field in row:
                # A number may begin with its sign; a name may not.
                assert not field.lstrip(' "').startswith(FORMULA) or re.fullmatch(NUMBER, field), field


@given(odd_names | st.text(max_size=30))
@settings(max_examples=200)
def test_no_text_becomes_a_formula(text: str) -> None:
    made = unformula(text)
    assert not made.lstrip(' "').startswith(FORMULA)
    for part in made.split(";")[1:]:
        assert not part.lstrip(' "').startswith(FORMULA)
    assert unformula(made) == made


def _widths(text: str) -> list[int]:
    """Separators in each line of the tables."""
    return [line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("name", NAMES)
def test_markdown_holds_names_as_they_are(name: str) -> None:
    text = summary(_named(name))
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "\x1b" not in text
    assert _widths(text) == _widths(summary(_named("plain")))
    assert "\n" not in markdown(name)


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_printed_without_force(capsys: pytest.CaptureFixture[str], name: str) -> None:
    answers = [(Item(name, name), Answer(name, ((name, 0.75), ("other", 0.25)), 0.5, ()))]
    print_plain(answers)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown
    print_csv(answers)
    for row in csv.reader(io.StringIO(capsys.readouterr().out)):
        assert not any(field.startswith(FORMULA) for field in row)
    if "\ud800" not in name:
        print_json(answers)
        assert json.loads(capsys.readouterr().out)[0]["label"] == name


def test_a_message_orders_the_terminal_nothing(victim: Victim) -> None:
    path = victim.folder / "names.jsonl"
    lines = [
        {"text": "a", "label": "x", "kind": "\x1b[2Jone"},
        {"text": "b", "label": "x", "kind": "\x1b[2Jtwo"},
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    settings_ = [f"path={path}", "class_groups=[kind]", "split={fractions: [1, 0, 0]}"]
    arguments = ["sources", "show", "text_table", *(part for one in settings_ for part in ("--set", one))]
    ending = victim.ends_well("command", arguments=arguments)
    assert ending.value["code"] == 2
    assert "two values" in ending.value["err"]
    assert "\ufffd[2J" in ending.value["err"]


@given(st.lists(odd_names | st.text(min_size=1, max_size=200), min_size=1, max_size=8, unique=True))
@settings(max_examples=150)
def test_folders_of_classes_are_safe_and_unique(labels: list[str]) -> None:
    labels = [label for label in labels if not re.search("[\ud800-\udfff]", label)]
    names = [folder_name(label) for label in labels]
    assert len(set(names)) == len(labels)
    for name in names:
        assert Path("out", name).parent == Path("out")
        assert name not in (".", "..")
        assert not name.startswith(".")
        assert len(name.encode()) <= 255
        assert not re.search(r'[\x00-\x1f/\\:*?"<>|]', name)


@given(odd_names | st.text(max_size=60))
@settings(max_examples=150)
def test_samples_lie_in_their_folder(source: str) -> None:
    if re.search("[\ud800-\udfff]", source):
        return
    assert results.sample_path(Path("out"), source).parent == Path("out/samples")


def test_exported_folders_are_what_fit_reads(victim: Victim) -> None:
    path = victim.folder / "odd.jsonl"
    labels = [".hidden", "a/b", "x" * 3000, "\N{PILE OF POO}", "..", "=1"]
    path.write_text(
        "".join(json.dumps({"text": f"t {n}", "label": label}) + "\n" for n, label in enumerate(labels))
    )
    out = victim.folder / "exported"
    arguments = [
        "sources",
        "export",
        "text_table",
        "--out",
        str(out),
        "--split",
        "train",
        "--set",
        f"path={path}",
    ]
    ending = victim.ends_well("command", arguments=[*arguments, "--set", "split={fractions: [1, 0, 0]}"])
    assert ending.value["code"] == 0, ending.value["err"]
    assert victim.ends_well("table", modality="text", path=str(out)).value == len(labels)
    assert printable("\x1b[2J") == "\ufffd[2J"


def test_a_terminal_without_the_letters_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def says(arguments: list[str]) -> int:
        print(*arguments)
        return 0

    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(cli, "_run", says)
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["\N{PILE OF POO}", "\udcff"]) == 0
    assert out.buffer.getvalue() == b"\\U0001f4a9 \\udcff\n"  # type: ignore[attr-defined]
