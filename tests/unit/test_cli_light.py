"""The light commands: exit codes, messages, and what they must not import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import kshot
import pytest
from kshot.cli import main, tables
from kshot.errors import KshotError

HEAVY = {
    *("torch", "numpy", "scipy", "sklearn", "matplotlib", "datasets", "pyarrow"),
    *("transformers", "torchvision", "torchaudio", "soundfile", "PIL"),
}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["--version"], ["list"], ["plugins"], ["list", "--json"], ["plugins", "--json"]),
        *(["sources", "--help"], ["sources", "show", "--help"], ["schema"]),
    ],
)
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; from kshot.cli import main; code = main(sys.argv[1:]); "
        f"print('heavy:', *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    result = python("-c", code, *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout
    assert result.stderr.splitlines()[-1] == "heavy:"


def imported(code: str) -> set[str]:
    """Names of the modules that a process has imported in the end."""
    result = python("-c", f"{code}; import sys; print(*sys.modules, file=sys.stderr)")
    loaded = set(result.stderr.split())
    assert result.returncode == 0, result.stderr
    assert "kshot" in loaded
    return loaded


def test_the_package_by_itself_needs_nothing():
    late = HEAVY | {
        "pydantic",
        "yaml",
        "typer",
        "rich",
        "packaging",
        "importlib.metadata",
        "logging",
        "pluggy",
    }
    assert not imported("import kshot") & (late | {"kshot.specs", "kshot.hookspecs", "kshot.registry"})


def test_what_a_plugin_declares_needs_nothing_but_its_hooks():
    late = HEAVY | {"pydantic", "yaml", "typer", "rich", "packaging", "importlib.metadata", "logging"}
    assert not imported("from kshot import KSHOT_API, EncoderSpec, Trial, hookimpl") & late


def test_every_public_name_comes_when_it_is_asked_for():
    assert set(kshot.__all__) <= set(dir(kshot))
    assert all(getattr(kshot, name) is not None for name in kshot.__all__)
    with pytest.raises(AttributeError, match="no attribute 'learner_of'"):
        _ = kshot.learner_of


def test_help_needs_no_plugin_and_reads_no_configuration():
    late = HEAVY | {
        "pydantic",
        "yaml",
        "rich",
        "packaging",
        "importlib.metadata",
        "kshot.registry",
        "kshot.config",
    }
    loaded = imported("from kshot.cli import main; main(['--help'])")
    assert "kshot.cli.app" in loaded
    assert not loaded & (late | {"kshot_image", "kshot_audio", "kshot_text"})


def test_the_registry_needs_none_of_the_command_line_and_of_pydantic():
    code = (
        "import sys; from kshot.registry import load_registry; load_registry(); print(*sorted(sys.modules))"
    )
    loaded = set(python("-c", code).stdout.split())
    assert "kshot.builtin" in loaded
    assert not loaded & (HEAVY | {"pydantic", "typer", "rich"})


def test_the_module_runs_as_the_command_does():
    result = python("-m", "kshot", "--version")
    assert (result.returncode, result.stdout) == (0, f"kshot {kshot.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Usage: kshot"),
        (["lst"], "No such command 'lst'"),
        (["list", "--jsn"], "No such option"),
        (
            ["list", "encoder"],
            "'encoder' is none of encoders, learners, sources, metrics, readers; did you mean 'encoders'?",
        ),
        (["list", "encoders", "learners"], "'list' takes one kind or none, got encoders, learners"),
    ],
)
def test_bad_usage_exits_with_two(arguments, text, capfd):
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert text in out + err
    assert "Traceback" not in err


def raising(error):
    """A registry that cannot be had."""

    def load():
        raise error

    return load


@pytest.mark.parametrize("arguments", [["list"], ["plugins"]])
def test_an_error_that_a_user_can_mend_is_one_message_and_exit_two(arguments, monkeypatch, capsys):
    monkeypatch.setattr("kshot.registry.load_registry", raising(KshotError("file x: mend it")))
    assert main(arguments) == 2
    assert capsys.readouterr().err == "kshot: file x: mend it\n"


@pytest.mark.parametrize(
    "arguments", [["--debug", "list"], ["list", "--debug"], ["list", "--debug", "--json"]]
)
def test_debug_shows_the_traceback_wherever_it_stands(arguments, monkeypatch, capsys):
    monkeypatch.setattr("kshot.registry.load_registry", raising(KshotError("file x: mend it")))
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("kshot: file x: mend it\n")


def test_debug_is_a_plain_word_after_two_dashes(capfd):
    assert main(["list", "--", "--debug"]) == 2
    assert "'--debug' is none of encoders" in capfd.readouterr().err


def test_a_fault_of_our_own_is_no_failed_cell(monkeypatch, capsys):
    monkeypatch.setattr("kshot.registry.load_registry", raising(ZeroDivisionError("oh")))
    assert main(["list"]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oh; run it again with --debug" in err
    assert "Traceback" not in err


def test_an_interruption_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("kshot.registry.load_registry", raising(KeyboardInterrupt()))
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "kshot: interrupted\n"


@pytest.mark.parametrize("arguments", [["list"], ["plugins", "--json"], ["--help"]])
def test_a_reader_that_goes_away_is_no_error(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "kshot", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert result.stderr == ""
    assert result.returncode == 141


def test_list_can_be_narrowed(capsys):
    assert main(["list", "metrics"]) == 0
    assert "learners" not in capsys.readouterr().out
    assert main(["list", "metrics", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["metrics"]
    assert {"accuracy", "cross_entropy"} <= {entry["name"] for entry in found["metrics"]}


def test_plugins_names_the_core_and_its_specs(capsys):
    assert main(["plugins", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    core = found["plugins"][0]
    assert (found["kshot"], found["api"]) == (kshot.__version__, kshot.KSHOT_API)
    assert (core["distribution"], core["version"], core["error"]) == ("kshot", kshot.__version__, None)
    assert "prototypical" in core["specs"]["learners"]


LONG = "x" * 150


def test_a_piped_table_is_aligned_and_cuts_nothing(capsys):
    tables.print_table("things", ("name", "empty", "summary"), [(LONG, "", "one"), ("y", "", "two")])
    assert capsys.readouterr().out.splitlines() == [
        "things:",
        f"  name{' ' * 146}  summary",
        f"  {LONG}  one",
        f"  y{' ' * 149}  two",
        "",
    ]


def test_an_empty_table_says_so(capsys):
    tables.print_table("things", ("name", "summary"), [])
    assert capsys.readouterr().out == "things: none\n\n"


def test_a_narrow_terminal_breaks_summaries_but_no_name(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    tables.print_table("things", ("name", "summary"), [("mini_transformer", "word [bold] " * 8)])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert any("mini_transformer" in line for line in lines)
    assert all(len(line) <= 40 for line in lines)
    assert " ".join(lines).count("[bold]") == 8


@pytest.mark.parametrize(
    ("command", "code"), [("list >&-", 0), ("list <&- >&- 2>&-", 0), ("report there_is_none 2>&-", 2)]
)
def test_a_standard_stream_that_is_closed_is_an_empty_one(command: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m kshot {command}', sys.executable], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("list > /dev/full", "the output: No space left on device; make room and run the same command again"),
        (f"inspect {'x' * 300}", f"{'x' * 300}: File name too long; take a shorter name"),
    ],
)
def test_what_the_system_would_not_do_is_no_fault_of_ours(command: str, message: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m kshot {command}', sys.executable], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kshot: {message}\n")


def test_a_tilde_behind_an_equals_sign_is_a_home(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "kshot-mine", "--kind", "learner", "--out=~/here"]) == 0
    assert "here" in capsys.readouterr().out
    assert [one.name for one in tmp_path.iterdir()] == ["here"]
    assert main(["inspect", "~/none.kshot"]) == 2
    assert f"{tmp_path}/none.kshot" in capsys.readouterr().err
    assert main(["inspect", "~nobody-of-that-name/none.kshot"]) == 2
    assert "~nobody-of-that-name" in capsys.readouterr().err
