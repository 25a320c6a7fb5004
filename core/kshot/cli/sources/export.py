"""``kshot sources export``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote

import typer

from kshot.cli.paths import path

if TYPE_CHECKING:
    from kshot.interfaces import Source

LONGEST = 150
"""Characters of a folder's name; file systems take 255 bytes. A longer class name's is cut, and ends in its hash."""

_SUFFIX = {"image/png": ".png", "audio/wav": ".wav", "text/plain": ".txt"}


def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A source, or CONFIG.yaml:ID for one of a configuration.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(parser=path, help="The folder to write; it must be new.", show_default=False)
    ],
    overrides: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Give an option, such as path=pictures."),
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="The split that is written.")
    ] = "test",
    classes: Annotated[
        int | None, typer.Option(min=1, help="Only so many classes, the first by name.", show_default="all")
    ] = None,
    examples: Annotated[
        int | None, typer.Option(min=1, help="Only so many examples of each.", show_default="all")
    ] = None,
    skip: Annotated[
        int, typer.Option(min=0, help="Leave so many examples of each class out, the first.")
    ] = 0,
) -> None:
    """Write a source's examples as files, one folder for each class: what `kshot fit` reads."""
    from kshot.cli.sources.opening import open_source
    from kshot.errors import KshotError
    from kshot.registry import load_registry

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KshotError(f"{out} exists already; choose a folder that is new or empty")
    source = open_source(name, overrides, load_registry()).source
    catalogue = source.catalogue(split)
    written = 0
    for number, label in enumerate(catalogue.classes[:classes]):
        start, stop = catalogue.offsets[number : number + 2].tolist()
        rows = catalogue.rows[start:stop][skip : None if examples is None else skip + examples]
        written += _write(source, [int(row) for row in rows], out / folder_name(label))
    typer.echo(f"{written} examples of {len(catalogue.classes[:classes])} classes: {out}")


def folder_name(label: str) -> str:
    """A class's name as that of a folder, on any file system and nowhere else: ``a/b`` → ``a%2Fb``."""
    quoted = quote(label, safe=" ()[]{}!,;=@~+'&$")
    if not quoted.strip(". "):
        quoted = quoted.replace(".", "%2E")
    elif quoted.startswith("."):  # it would be hidden, and passed over by whoever reads the folder
        quoted = f"%2E{quoted[1:]}"
    if len(quoted) > LONGEST:
        quoted = f"{quoted[:LONGEST]}-{hashlib.sha256(label.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return quoted


def _write(source: Source, rows: list[int], folder: Path) -> int:
    from kshot.files import write_atomic

    for number, row in enumerate(rows):
        shown = source.present(source.fetch(row))
        write_atomic(folder / f"{number:04d}{_SUFFIX[shown.media]}", shown.data)
    return len(rows)
