"""``--help`` for the commands that must answer at once.

typer's own help option has no default that is a bool, and so costs an import of pydantic at every
start, half of the time that ``kshot list`` takes. For the same reason these commands have
flags only: typer checks any other parameter by pydantic.
"""

from __future__ import annotations

from typing import Annotated

import typer


def _show_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


Help = Annotated[
    bool,
    typer.Option("-h", "--help", callback=_show_help, is_eager=True, help="Show this message and leave."),
]
