"""What stands in the documentation's blocks is true: code runs, configurations are valid, commands exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from kshot import config
from kshot.cli.app import app

from tests.docs.pages import LANGUAGES, PAGES, REASONS, ROOT, blocks_of, every_block, name_of, pages_with

CODE = ("sh", "python", "yaml")


def blocks(language: str, *, run: bool = True) -> list[Any]:
    """Those of a language as parameters; ``run``: only what is run."""
    found: list[Any] = []
    for number, (page, block) in enumerate(every_block()):
        if block.language == language and not (run and block.reason):
            found.append(pytest.param(block.code, id=f"{name_of(page)}#{number}"))
    return found


def test_python_blocks_run(tmp_path: Path) -> None:
    """Each by itself; those of a page one after the other in a process of the page's own."""
    pages = {
        name_of(page): [block.code for block in blocks_of(page) if block.language == "python"]
        for page in pages_with("python")
    }
    command = [sys.executable, Path(__file__).with_name("forking.py")]
    told = json.dumps(pages)
    done = subprocess.run(
        command, cwd=tmp_path, input=told, capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.count("ran ") == len(pages)


@pytest.mark.parametrize("code", blocks("yaml", run=False))
def test_yaml_blocks_are_valid_configurations(code: str, tmp_path: Path) -> None:
    for shipped in (ROOT / "configs").glob("*.yaml"):  # what a block includes lies beside it
        shutil.copy(shipped, tmp_path)
    path = tmp_path / "block.yaml"
    path.write_text(code)
    configuration, problems = config.check(config.read(path))
    assert configuration is not None
    assert problems == []


@pytest.mark.parametrize("code", blocks("sh", run=False))
def test_every_kshot_command_and_option_in_a_block_exists(code: str) -> None:
    """Those of blocks that are not run too: a renamed option is found all the same."""
    for words in kshot_commands(code):
        understand(words)


@pytest.mark.parametrize(
    "wrong", ["kshot bench mine.yaml --outt x", "kshot benhc mine.yaml", "kshot predict"]
)
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    [words] = kshot_commands(wrong)
    with pytest.raises(Exception, match=r"(?i)no such option|no such command|missing (argument|parameter)"):
        understand(words)


def test_every_block_says_its_language_and_what_is_not_run_says_why() -> None:
    for page, block in every_block():
        assert block.language in LANGUAGES, f"{name_of(page)}: a block of language '{block.language}'"
        assert not block.rest, f"{name_of(page)}: '{block.rest}' beside a language means nothing"
        assert not block.reason or block.reason in REASONS, f"{name_of(page)}: not run: {block.reason}"


def test_little_is_not_run() -> None:
    """The mark is for what cannot run here; what needs data stands where figures on data stand."""
    code = [(name_of(page), block) for page, block in every_block() if block.language in CODE]
    skipped = [(page, block) for page, block in code if block.reason]
    assert all(block.language == "sh" for _, block in skipped)
    on_data = [page for page, block in skipped if block.reason == "needs the data"]
    assert all(page.startswith("docs/results/") or page == "docs/howto/reproduce.md" for page in on_data)
    assert len(skipped) - len(on_data) < len(code) / 7, [page for page, _ in skipped]


def test_fences_are_all_found() -> None:
    """A fence that the pattern misses would be a block that nobody runs."""
    for page in PAGES:
        fences = len(re.findall(r"^ *```", page.read_text(), re.MULTILINE))
        assert fences == 2 * sum(where == page for where, _ in every_block()), name_of(page)


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            if ":" not in target:
                assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"


def kshot_commands(code: str) -> Iterator[list[str]]:
    """The words after ``kshot`` of each of its commands in a shell script."""
    for line in code.replace("\\\n", " ").splitlines():
        if "kshot" not in line or "<<" in line or line.startswith(("pip ", "python -m pip")):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] | None = None
        for word in [*lexer, ";"]:
            if word and set(word) <= set("|&;<>()"):
                if words:
                    yield words
                words = None
            elif words is not None:
                words.append(word)
            elif word == "kshot":
                words = []


def understand(words: list[str]) -> None:
    """Parse a command as kshot does, and run nothing."""
    command: Any = typer.main.get_command(app)
    rest = [word for word in words if word != "--debug"]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    if getattr(command, "commands", {}) and not getattr(command, "invoke_without_command", False):
        raise LookupError(f"no such command: kshot {' '.join(words)}")
    if "--help" not in rest:
        command.make_context(command.name, rest)
