"""``kshot serve``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kshot.cli.product.commands import Device, Model
from kshot.cli.stopping import TerminationRequested


def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(help="Name or address to listen at; beyond this machine without a password.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8420,
    save: Annotated[bool, typer.Option("--save", help="Let the page write changes to MODEL.")] = False,
    allow_host: Annotated[
        list[str], typer.Option(metavar="NAME", help="A further name by which browsers may call this server.")
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
    max_file: Annotated[float, typer.Option(min=0.01, metavar="MIB", help="Size of a file.")] = 16,
    max_request: Annotated[float, typer.Option(min=0.01, metavar="MIB", help="Size of a request.")] = 64,
    max_things: Annotated[int, typer.Option(min=1, help="Pictures, recordings or texts in a request.")] = 64,
    max_examples: Annotated[int, typer.Option(min=1, help="Examples of a class.")] = 200,
    max_classes: Annotated[int, typer.Option(min=2, help="Classes.")] = 200,
    max_extent: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            show_default=False,
            help="Pixels, seconds or characters of a thing; usual: 64 million, 120 or 10,000.",
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Open a page, and JSON endpoints, on which a classifier is tried and taught."""
    from kshot.classifier import FewShotClassifier
    from kshot.errors import KshotError

    try:
        from kshot.serving import Address, Desk, Hosts, Limits, address_of, application, is_loopback
        from kshot.serving import serve as answer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn"):
            raise
        raise KshotError("`kshot serve` needs an extra; pip install 'kshot[serve]'") from error

    limits = Limits(
        request_bytes=int(max_request * 2**20),
        file_bytes=int(max_file * 2**20),
        things=max_things,
        examples=max_examples,
        classes=max_classes,
        extent=max_extent,
    )
    desk = Desk(FewShotClassifier.load(model, device), limits, model if save else None)
    listening = Address(host, port).listen()
    if not is_loopback(host):
        typer.echo(
            "warning: whoever reaches this machine can use and change this classifier; there is no password and "
            "no encryption",
            err=True,
        )
    typer.echo(f"{model.name}: {address_of(listening)} (Ctrl-C ends it)")
    sys.stdout.flush()
    try:
        answer(application(desk, model.name, Hosts.of(host, allow_host)), listening)
    except KeyboardInterrupt as stop:
        # Ctrl-C is how a server ends, and no mishap: those of Python leave with 0 as well.
        if isinstance(stop, TerminationRequested):
            raise
        typer.echo("kshot: ended", err=True)
    finally:
        if desk.state.revision != desk.state.saved:
            typer.echo(f"what was taught here is not in {model}", err=True)
