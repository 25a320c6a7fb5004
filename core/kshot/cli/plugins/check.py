"""``kshot plugins check``: the conformance suite on all that a plugin brings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kshot.cli.tables import print_table

if TYPE_CHECKING:
    from kshot.testing import Checked


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A plugin or its distribution; kshot is the core.", show_default=False
        ),
    ],
    entries: Annotated[
        list[str],
        typer.Argument(metavar="ENTRY", help="Only these of its entries.", show_default="all"),
    ] = [],  # noqa: B006 (typer reads the default, nobody changes it)
    imports: Annotated[
        bool, typer.Option("--imports", help="Only import each factory, and look at the options declared.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Check that all a plugin brings keeps its contracts; 1 where anything fails."""
    from kshot.testing import check_plugin, imports_of

    found = imports_of(name, entries) if imports else check_plugin(name, entries)
    done = _told(found, quiet=as_json)
    if as_json:
        typer.echo(json.dumps({"plugin": name, "checked": [_record(one) for one in done]}, indent=2))
    else:
        _summary(done)
    if any(one.failed for one in done):
        raise typer.Exit(1)


def _told(found: Iterable[Checked], quiet: bool) -> list[Checked]:
    """Each entry's table as soon as it is done: some take a minute."""
    done: list[Checked] = []
    for one in found:
        done.append(one)
        if not quiet:
            rows = [(outcome.name, outcome.result, outcome.reason) for outcome in one.outcomes]
            print_table(str(one.entry), ("check", "result", "reason"), rows)
    return done


def _summary(done: Sequence[Checked]) -> None:
    counts = Counter(outcome.result for one in done for outcome in one.outcomes)
    words = ", ".join(f"{counts[result]} {result}" for result in ("passed", "failed", "excepted", "skipped"))
    typer.echo(f"{len(done)} entries: {words}")
    for one in done:
        failed = [outcome.name for outcome in one.outcomes if outcome.result == "failed"]
        if failed:
            typer.echo(f"  {one.entry}: {', '.join(failed)}")


def _record(one: Checked) -> dict[str, Any]:
    return {
        "kind": one.entry.kind,
        "name": one.entry.name,
        "factory": one.entry.spec.factory,
        "failed": one.failed,
        "checks": [
            {"name": outcome.name, "result": outcome.result, "reason": outcome.reason}
            for outcome in one.outcomes
        ],
    }
