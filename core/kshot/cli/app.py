"""The commands, put together. A command's module imports heavy rooms inside its functions only."""

from __future__ import annotations

from typing import Annotated

import typer

import kshot
from kshot.cli import bench, listing, plugins, schema, sources, tune
from kshot.cli.episodes import command
from kshot.cli.help import Help
from kshot.cli.product import commands, serving
from kshot.specs import KINDS

app = typer.Typer(
    name="kshot",
    help="Few-shot learning for images, speech and text: any learner with any encoder.",
    no_args_is_help=True,
    add_completion=False,
    add_help_option=False,
    pretty_exceptions_enable=False,
    # Plain help: rich's would double the time to the first line.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kshot {kshot.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks; may stand after the command too.")
    ] = False,
    show_help: Help = False,
) -> None:
    """Options that every command has; ``--debug`` is read before typer sees it."""
    del version, debug, show_help


app.command()(bench.bench)
app.command()(bench.check)
app.command()(bench.report)
app.command()(tune.tune)
app.command()(command.episodes)
app.command()(schema.schema)
app.command()(commands.fit)
app.command()(commands.predict)
app.command()(commands.enroll)
app.command()(commands.forget)
app.command()(commands.inspect)
app.command()(serving.serve)
app.command(
    "list",
    add_help_option=False,
    options_metavar=f"[{'|'.join(KINDS)}] [OPTIONS]",
    context_settings={"allow_extra_args": True},
)(listing.show_entries)
app.add_typer(sources.app, name="sources")
app.add_typer(plugins.app, name="plugins")
