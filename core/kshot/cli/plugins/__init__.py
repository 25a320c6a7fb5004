"""``kshot plugins``: list the plugins, check one, begin one. A subcommand is a file of its own."""

from __future__ import annotations

import typer

from kshot.cli.plugins.check import check
from kshot.cli.plugins.list import show_plugins
from kshot.cli.plugins.new import new

app = typer.Typer(invoke_without_command=True, add_help_option=False, rich_markup_mode=None)
app.callback(invoke_without_command=True)(show_plugins)
app.command()(check)
app.command()(new)
