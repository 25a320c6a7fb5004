"""``kshot plugins new``: names, refusals, and that what is written is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from kshot.cli import main
from kshot.errors import KshotError
from kshot.scaffold import ENCODED, names_of, plan_of, rendered, write
from kshot.scaffold.plan import bounds

from tests.fresh import EXAMPLES

PLANS = [("encoder", modality) for modality in ENCODED] + [("learner", ""), ("modality", "")]
SHARED = (".github/workflows/tests.yml", ".gitignore", "tests/conftest.py")


def test_names_follow_from_the_distribution_s() -> None:
    one = names_of("Kshot-my_Weather")
    assert (one.distribution, one.package, one.plugin, one.class_) == (
        "kshot-my-weather",
        "kshot_my_weather",
        "my_weather",
        "MyWeather",
    )
    assert names_of("weather").plugin == "weather"


@pytest.mark.parametrize(
    "name", ["", "a/b", "-a", "a-", "../a", "a b", "ä", "kshot-3d", "kshot-class", "kshot", "json", "torch"]
)
def test_a_name_that_pip_or_python_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(KshotError):
        names_of(name)


@pytest.mark.parametrize(
    ("kind", "modality", "message"),
    [
        ("encoder", "", "is one of image, audio, text; an encoder of another"),
        ("encoder", "imag", "not 'imag'; did you mean 'image'"),
        ("learner", "text", "a learner has no modality"),
        ("modality", "text", "there already, by kshot-text"),
        ("modality", "Up Down", "no name for a modality"),
        ("lerner", "", "did you mean 'learner'"),
    ],
)
def test_a_kind_and_a_modality_that_do_not_go_together_are_refused(
    kind: str, modality: str, message: str
) -> None:
    with pytest.raises(KshotError, match=message):
        plan_of(names_of("kshot-mine"), kind, modality)


@pytest.mark.parametrize(
    ("version", "expected"), [("0.1.0", ">=0.1,<0.2"), ("0.9.3", ">=0.9,<0.10"), ("2.4.1", ">=2.4,<3")]
)
def test_the_bounds_end_where_a_core_may_break_a_plugin(version: str, expected: str) -> None:
    assert bounds(version) == expected


@pytest.mark.parametrize(("kind", "modality"), PLANS)
@pytest.mark.parametrize("name", ["kshot-mine", "kshot-a-rather-long-name-of-a-plugin"])
def test_what_is_written_is_whole(name: str, kind: str, modality: str, tmp_path: Path) -> None:
    plan = plan_of(names_of(name), kind, modality)
    folder = write(plan, tmp_path)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert set(files) == set(rendered(plan))
    package = plan.names.package
    for path in ("pyproject.toml", "README.md", "LICENSE", "benchmark.yaml", "tests/test_plugin.py", *SHARED):
        assert path in files
    project = tomllib.loads(files["pyproject.toml"].read_text())["project"]
    assert project["name"] == plan.names.distribution
    assert project["entry-points"]["kshot"] == {plan.names.plugin: f"{package}.plugin"}
    assert any(one.startswith("kshot") and "<" in one for one in project["dependencies"])
    for path, file in files.items():
        assert "$" not in file.read_text().replace("${{ matrix.python }}", ""), path
        if path.endswith(".py"):
            ast.parse(file.read_text())
        if path.endswith((".yaml", ".yml")):
            assert yaml.safe_load(file.read_text())
    assert list(tmp_path.iterdir()) == [folder], "nothing half written is left"
    check = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--config",
        "line-length=120",
        "--quiet",
        folder,
    ]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize(
    ("name", "kind", "modality", "taken"),
    [
        ("kshot-field", "encoder", "image", "Field"),
        ("kshot-encoder", "encoder", "audio", "Encoder"),
        ("kshot-f", "encoder", "image", "F"),
        ("kshot-learner", "learner", "", "Learner"),
        ("kshot-exception", "learner", "", "Exception"),
    ],
)
def test_a_class_named_like_what_its_module_needs_is_refused(
    name: str, kind: str, modality: str, taken: str, tmp_path: Path
) -> None:
    told = f"'{name}' would bring a class '{taken}', a name that its kshot_.* needs for something else"
    with pytest.raises(KshotError, match=told):
        write(plan_of(names_of(name), kind, modality), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plugins", "new", "kshot-mine", "--kind", "learner", "--out", str(tmp_path)]
    assert main(command) == 0
    assert "kshot plugins check mine" in capsys.readouterr().out
    changed = tmp_path / "kshot-mine" / "README.md"
    changed.write_text("mine")
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err
    assert changed.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kshot-matching", "--kind", "learner"], "the learner 'matching', which kshot"),
        (["kshot-x", "--kind", "lerner"], "did you mean 'learner'"),
    ],
)
def test_a_name_that_is_taken_is_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two plugins that bring one name are both refused, so the new one would break what works."""
    assert main(["plugins", "new", *words, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_share_what_is_generated(example: Path) -> None:
    """Continuous integration and the like are written once, in the templates."""
    files = rendered(plan_of(names_of("kshot-mine"), "learner"))
    for path in SHARED:
        assert (example / path).read_text() == files[path], path
    ours = tomllib.loads((example / "pyproject.toml").read_text())
    theirs = tomllib.loads(files["pyproject.toml"])
    assert ours["build-system"] == theirs["build-system"]
    assert ours["tool"]["pytest"] == theirs["tool"]["pytest"]
    assert ours["project"]["requires-python"] == theirs["project"]["requires-python"]
