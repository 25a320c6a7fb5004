"""``kshot plugins`` alone: each distribution, what it brings, and why some cannot be used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kshot
from kshot.cli.help import Help
from kshot.cli.tables import print_table
from kshot.specs import KSHOT_API

if TYPE_CHECKING:
    from kshot.registry import PluginReport


def show_plugins(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    show_help: Help = False,
) -> None:
    """List the plugins, and why some cannot be used; or check one, or begin one."""
    from kshot.registry import load_registry

    del show_help
    if context.invoked_subcommand is not None:
        return
    registry = load_registry()
    if as_json:
        plugins = [_plugin_json(plugin) for plugin in registry.plugins]
        head: dict[str, Any] = {"kshot": kshot.__version__, "api": KSHOT_API}
        told = {"conflicts": list(registry.conflicts), "notes": list(registry.notes)}
        typer.echo(json.dumps({**head, "plugins": plugins, **told}, indent=2))
        return
    columns = ("plugin", "distribution", "api", "brings", "import", "state")
    print_table("plugins", columns, [_plugin_row(plugin) for plugin in registry.plugins])
    for conflict in registry.conflicts:
        typer.echo(conflict)


def _plugin_json(plugin: PluginReport) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.module,
        "api": plugin.api,
        "specs": {kind: list(names) for kind, names in plugin.specs.items()},
        "seconds": round(plugin.seconds, 4),
        "error": plugin.error,
        "excluded": plugin.excluded,
    }


def _plugin_row(plugin: PluginReport) -> tuple[str, ...]:
    brings = [f"{kind}: {', '.join(names)}" for kind, names in plugin.specs.items() if names]
    state = "ready"
    if plugin.error is not None:
        state = f"refused: {plugin.error}"
    elif plugin.excluded is not None:
        state = f"left out by {plugin.excluded}"
    api = "" if plugin.api is None else str(plugin.api)
    provider = f"{plugin.distribution} {plugin.version}"
    return plugin.name, provider, api, "; ".join(brings), f"{plugin.seconds * 1000:.0f} ms", state
