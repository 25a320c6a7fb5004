"""``kshot sources``: what a source holds, before anything is trained on it."""

from __future__ import annotations

import typer

from kshot.cli.sources.export import export
from kshot.cli.sources.show import show

app = typer.Typer(
    help="Show what a source holds, or write it as files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.callback()(lambda: None)
app.command()(show)
app.command()(export)
