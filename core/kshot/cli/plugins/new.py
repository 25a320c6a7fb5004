"""``kshot plugins new``: a plugin's distribution, complete and working, to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kshot.cli.paths import path

if TYPE_CHECKING:
    from kshot.scaffold import Plan


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Of the distribution, such as kshot-weather.", show_default=False
        ),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="[encoder|learner|modality]", help="What it brings.", show_default=False
        ),
    ],
    modality: Annotated[
        str,
        typer.Option(
            "--modality",
            metavar="MODALITY",
            help="Of an encoder: image, audio or text. Of a new modality: its name, by default the plugin's.",
            show_default=False,
        ),
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", parser=path, metavar="DIR", help="Folder to write it into.")
    ] = Path(),
) -> None:
    """Write a plugin's distribution: code that works, tests, a benchmark, a README, continuous integration."""
    from kshot.scaffold import names_of, plan_of, write

    plan = plan_of(names_of(name), kind, modality)
    _refuse_taken(plan)
    folder = write(plan, out)
    typer.echo(f"{folder}:")
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        typer.echo(f"  {file.relative_to(folder)}")
    typer.echo(
        f"next:\n  cd {folder}\n"
        '  python -m pip install -e ".[test]"\n'
        "  python -m pytest\n"
        f"  kshot plugins check {plan.names.plugin}\n"
        "  kshot bench benchmark.yaml"
    )


def _refuse_taken(plan: Plan) -> None:
    """Two plugins that bring one name are both refused, so a new one must not begin with such a name.

    Raises:
        KshotError: an installed plugin has a name already.
    """
    from kshot.errors import KshotError
    from kshot.registry import load_registry

    registry = load_registry()
    for kind, names in plan.brings.items():
        for entry in registry.entries(kind):
            if entry.name in names and entry.distribution != plan.names.distribution:
                raise KshotError(
                    f"'{plan.names.distribution}' would bring the {kind[:-1]} '{entry.name}', which "
                    f"{entry.provider} brings already; choose another name"
                )
    for plugin in registry.plugins:
        if plugin.name == plan.names.plugin and plugin.distribution != plan.names.distribution:
            raise KshotError(
                f"'{plan.names.distribution}' would be the plugin '{plugin.name}', as {plugin.distribution} is "
                "already; choose another name"
            )
