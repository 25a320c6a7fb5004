"""The tables for a paper: literal names, whole rows, and a file that LaTeX takes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kshot.results import Results, save
from kshot.results.paper import paper
from kshot.results.text import latex

from tests.unit.made_up import made_up_results

COMMANDS = {
    "textbackslash",
    "textasciicircum",
    "textasciitilde",
    "textless",
    "textgreater",
    "textbar",
    "char",
    "pm",
    "approx",
}
NAMES = [
    r"\input{/etc/passwd}",
    r"\write18{touch owned} $\immediate$ {",
    "100 % of a_b & c#1 ~ ^ | <x> \"y\" 'z' ``--''",
    "?`!` -- --- ,, <<a>>",
    "}} \\\\ \\end{tabular}",
]


def named(name: str) -> Results:
    results = made_up_results()
    cells = [
        cell.model_copy(update={"learner": name if cell.learner == "maml" else cell.learner})
        for cell in results.cells
    ]
    return results.model_copy(update={"cells": cells, "name": name})


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_no_text_becomes_a_command(text: str) -> None:
    made = latex(text)
    assert set(re.findall(r"\\([a-zA-Z]+)", made)) <= COMMANDS
    bare = re.sub(r"\\[{}$&#%_]", "", made)
    assert not re.search(r"[#%_&~^\"]", bare)
    assert bare.count("{") == bare.count("}")
    assert re.sub(r"\$\\(pm|approx)\$", "", bare).count("$") == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_row_has_every_column(name: str) -> None:
    rows = [line for line in paper(named(name)).splitlines() if line.endswith(r" \\")]
    assert len(rows) == 3 * (1 + 3)
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}


def test_the_best_is_bold_and_what_is_not_worse_is_marked() -> None:
    text = paper(made_up_results())
    assert text.count(r"\textbf{") == 6
    assert r"nearest\_mean & pixels (untrained)" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_takes_whatever_is_in_it(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        save(tmp_path / str(number), named(name))
    tables = "\n\n".join(rf"\input{{{number}/results.tex}}" for number in range(len(NAMES)))
    lines = [r"\documentclass{article}", r"\usepackage{booktabs}", r"\begin{document}", tables]
    (tmp_path / "all.tex").write_text("\n".join([*lines, r"\end{document}"]))
    ran = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-1500:]
    assert (tmp_path / "all.pdf").is_file()
