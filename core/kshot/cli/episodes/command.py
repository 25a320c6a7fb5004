"""``kshot episodes``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kshot.cli.paths import path

if TYPE_CHECKING:
    from kshot.cli.episodes.asked import Asked


def episodes(
    config: Annotated[
        Path, typer.Argument(parser=path, metavar="CONFIG", help="A YAML file.", show_default=False)
    ],
    source: Annotated[
        str | None, typer.Option(metavar="ID", help="Of this source.", show_default="all of them")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help="Of this shape, such as 5w1s.", show_default="all of them")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option(help="Of this split.")] = "test",
    show: Annotated[int, typer.Option(min=0, help="How many, from the first.")] = 1,
    draw: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            metavar="DIR",
            help="Draw each as a PNG picture too, in this folder.",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as evaluate.seed=1."),
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
) -> None:
    """Show the first episodes that a configuration scores, and the hash of all of them.

    Their classes, and where their examples lie, or what they say.
    """
    from kshot.benchmark import make_plan
    from kshot.cli.episodes.asked import find
    from kshot.cli.episodes.printing import print_episode, print_heading
    from kshot.config import read
    from kshot.registry import load_registry

    plan = make_plan(read(config, overrides), str(config), load_registry())
    for asked in find(plan, source, shape, split):
        print_heading(asked)
        for number in range(min(show, asked.count)):
            print_episode(asked, number)
            if draw is not None:
                path = draw / f"{_file_name(asked)}-{number}.png"
                _draw(asked, number, path)
                typer.echo(f"  drawn: {path}")
        typer.echo()


def _draw(asked: Asked, number: int, path: Path) -> None:
    from kshot.cli.episodes.drawing import episode_sheet
    from kshot.errors import DataError
    from kshot.files import write_atomic

    try:
        write_atomic(path, episode_sheet(asked, number))
    except ValueError as error:
        raise DataError(f"sources.{asked.part.id}: an example cannot be drawn: {error}") from error


def _file_name(asked: Asked) -> str:
    name = f"{asked.part.id}-{asked.sampler.split}-{asked.sampler.shape.asked}"
    return re.sub(r"[^\w.+=,-]+", "-", name)
