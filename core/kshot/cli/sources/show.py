"""``kshot sources show``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kshot.cli.paths import path

if TYPE_CHECKING:
    from kshot.cli.sources.opening import Opened
    from kshot.shapes import Split


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A source, or CONFIG.yaml:ID for one of a configuration.", show_default=False
        ),
    ],
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Give an option, such as path=pictures."),
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="The split whose classes and examples are shown.", show_default="the first"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path, help="The picture of examples.", show_default="runs/sources/<name>-<split>.png"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what a source holds: licence, splits, classes, and examples in a PNG picture."""
    from kshot.cli.sources.opening import open_source
    from kshot.cli.sources.overview import Numbers, catalogues, record
    from kshot.cli.sources.printing import print_overview
    from kshot.registry import load_registry

    opened = open_source(name, overrides, load_registry())
    found = catalogues(opened.source)
    shown = split or next(iter(found))
    sheet = out or Path("runs", "sources", f"{_file_name(name)}-{shown}.png")
    _draw(opened, shown, sheet)
    numbers: dict[Split, Numbers] = {one: Numbers.of(catalogue) for one, catalogue in found.items()}
    if as_json:
        typer.echo(json.dumps(record(opened, numbers, str(sheet)), indent=2))
        return
    print_overview(opened, numbers, shown)
    typer.echo(f"\n{shown}, examples: {sheet}")


def _draw(opened: Opened, split: Split, path: Path) -> None:
    from kshot.cli.sources.examples import sheet_rows
    from kshot.errors import DataError
    from kshot.files import write_atomic
    from kshot.report.contact import contact_sheet

    catalogue = opened.source.catalogue(split)
    rows = sheet_rows(opened.source, catalogue)
    size = f"{len(catalogue.classes):,} classes, {len(catalogue):,} examples"
    subtitle = f"{split} · {size} · {opened.entry.spec.licence}".removesuffix(" · ")
    try:
        picture = contact_sheet(opened.name, subtitle, rows)
    except ValueError as error:
        raise DataError(f"{opened.name}: an example cannot be drawn: {error}") from error
    write_atomic(path, picture)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+=,-]+", "-", Path(name).name)
