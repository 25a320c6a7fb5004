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
        records = [one.get_help_record(context) for one in command.params if "--help" not in one.opts]
        rows = [f"| `{named}` | {cell(said)} |\n" for named, said in filter(None, records)]
        if rows:
            yield "\n| argument or option | what it says |\n|---|---|\n"
            yield from rows


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, one in below.items():
        yield from commands(one, f"{path} {name}")


def cell(text: str) -> str:
    """A text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
