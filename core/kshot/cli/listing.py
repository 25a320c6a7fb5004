"""``kshot list``: the names that a configuration can use, and what is missing from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kshot.cli.help import Help
from kshot.cli.tables import print_table
from kshot.errors import nearest
from kshot.specs import KINDS, SourceSpec, Spec

if TYPE_CHECKING:
    from kshot.registry import Entry, Registry

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show_entries(context: typer.Context, as_json: Json = False, show_help: Help = False) -> None:
    """List the names that a configuration can use."""
    from kshot.registry import load_registry

    del show_help
    kinds = _kinds(context.args)
    registry = load_registry()
    if as_json:
        found = {one: [_entry_json(entry) for entry in registry.entries(one)] for one in kinds}
        typer.echo(json.dumps(found, indent=2))
        return
    for one in kinds:
        _print_entries(one, registry.entries(one))
    _print_notes(registry)


def _kinds(given: Sequence[str]) -> list[str]:
    """The kinds to show: the one that was asked for, or all."""
    for word in given:
        if word not in KINDS:
            raise typer.BadParameter(f"'{word}' is none of {', '.join(KINDS)}{nearest(word, KINDS)}")
    if len(given) > 1:
        raise typer.BadParameter(f"'list' takes one kind or none, got {', '.join(given)}")
    return list(given) or list(KINDS)


def _print_entries(kind: str, entries: Sequence[Entry]) -> None:
    rows = [
        (
            one.spec.written,
            one.modality,
            one.spec.summary,
            ", ".join(_splits(one.spec)),
            one.spec.licence,
            one.spec.paper,
            one.provider,
        )
        for one in entries
    ]
    columns = ("name", "modality", "summary", "splits", "licence", "citation", "distribution")
    print_table(kind, columns, rows, below=columns[3:])


def _print_notes(registry: Registry) -> None:
    """What is missing from the lists, so that nobody looks for it in vain."""
    for plugin in registry.plugins:
        if plugin.error is not None:
            typer.echo(f"refused: {plugin}: {plugin.error}", err=True)
    for conflict in registry.conflicts:
        typer.echo(conflict, err=True)


def _splits(spec: Spec) -> list[str]:
    """The names of a source's published splits."""
    return list(spec.splits) if isinstance(spec, SourceSpec) else []


def _entry_json(entry: Entry) -> dict[str, Any]:
    spec = entry.spec
    return {
        "name": spec.name,
        "written": spec.written,
        "modality": entry.modality,
        "summary": spec.summary,
        "paper": spec.paper,
        "licence": spec.licence,
        "splits": _splits(spec),
        "options": dict(spec.options) if isinstance(spec, SourceSpec) else {},
        "factory": spec.factory,
        "plugin": entry.plugin,
        "distribution": entry.distribution,
        "version": entry.version,
    }
