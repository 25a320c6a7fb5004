"""All commands, written from the commands themselves into the page that has a place for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

PLACE = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the place."""
    return markdown.replace(PLACE, "".join(described())) if PLACE in markdown else markdown


def described() -> Iterator[str]:
    """A section for each command."""
    from kshot.cli.app import app

    for path, command in commands(typer.main.get_command(app), "kshot"):
        context = command.make_context(path, [], resilient_parsing=True)
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        yield f"\n## `{path}`\n\n{command.help or ''}\n\n```text\n{usage}\n```\n"
        yield from table("argument", [one for one in command.params if one.param_type_name == "argument"])
        yield from table("option", [one for one in command.params if one.param_type_name == "option"])


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, one in below.items():
        yield from commands(one, f"{path} {name}")


def table(kind: str, parameters: list[Any]) -> Iterator[str]:
    """A command's arguments or options, one a row."""
    shown = [one for one in parameters if not getattr(one, "hidden", False) and "--help" not in one.opts]
    if not shown:
        return
    yield f"\n| {kind} | what |\n|---|---|\n"
    for one in shown:
        names = [*one.opts, *one.secondary_opts] if kind == "option" else [one.human_readable_name]
        value = "" if kind == "argument" or one.is_flag else f" {one.make_metavar(None)}"
        words = " ".join((getattr(one, "help", None) or "").split()).replace("|", "\\|")
        yield f"| `{', '.join(names)}{value}` | {words} |\n"
