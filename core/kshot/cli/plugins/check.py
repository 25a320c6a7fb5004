"""``kshot plugins check``: the conformance suite on all that a plugin brings."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A plugin, or its distribution.", show_default=False)
    ],
    imports: Annotated[bool, typer.Option("--imports", help="Only import what its specs name.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check that all a plugin brings keeps the contracts."""
    raise NotImplementedError(f"{name} {imports} {as_json}")
