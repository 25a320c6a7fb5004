"""``kshot bench``, ``kshot check`` and ``kshot report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from kshot.cli.paths import path
from kshot.errors import KshotError

Config = Annotated[
    Path, typer.Argument(parser=path, metavar="CONFIG", help="A YAML file.", show_default=False)
]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as train.episodes=100."),
]


def bench(
    config: Config,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=path, help="Folder of the results.", show_default="runs/<name of the configuration>"
        ),
    ] = None,
    overrides: Overrides = [],  # noqa: B006 (typer reads the default, nobody changes it)
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="Where to compute; auto takes a GPU if there is one."),
    ] = "auto",
    only: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Run the cells whose id matches, such as 'maml.*'.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(help="Where cells run: here, one by one, or on a Ray cluster."),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Of a running Ray cluster.", show_default="a cluster on this machine, for this run"
        ),
    ] = None,
    track: Annotated[
        list[str],
        typer.Option(
            metavar="TRACKER", help="Tell the run to tensorboard, or to another tracker of accelerate's."
        ),
    ] = [],  # noqa: B006
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Look inside the learners now and then, and show it in the report."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cells and stop.")] = False,
) -> None:
    """Run every learner with every encoder on every source, and report.

    A run that was interrupted or killed goes on where it was.
    """
    from kshot.cli.tracking import check_trackers

    if address is not None and engine != "ray":
        raise KshotError("--address is that of a Ray cluster; add --engine ray")
    check_trackers(track)
    plan = _plan(config, overrides)
    if only is not None:
        plan = plan.only(only)
    if dry_run:
        _print_plan(plan)
        return
    folder = out or Path("runs", plan.configuration.name)
    if engine == "local":
        good = _run_here(plan, folder, str(config), device, track, observe)
    else:
        good = _run_on_ray(plan, folder, config, overrides, device, address, track, observe)
    if not good:
        raise typer.Exit(1)


def check(config: Config, overrides: Overrides = []) -> None:  # noqa: B006
    """Check a configuration and its data; run nothing.

    Keys, names and options, and whether the sources can serve every shape.
    """
    import torch

    from kshot.benchmark import data_problems, left_out
    from kshot.benchmark.data import Data
    from kshot.errors import ConfigurationError

    plan = _plan(config, overrides)
    data = Data(plan.configuration, torch.device("cpu"))
    problems = data_problems(plan, data)
    if problems:
        raise ConfigurationError(str(config), problems)
    typer.echo(f"{config}: good; {len(plan.cells)} cells")
    for line in left_out(plan, data):
        typer.echo(f"  - {line}")


def report(
    folder: Annotated[
        Path, typer.Argument(parser=path, metavar="DIR", help="Folder of a benchmark's results.")
    ],
) -> None:
    """Write report.html anew from a folder of results."""
    from kshot.report import write_report

    typer.echo(f"report: {write_report(folder)}")


def _run_here(plan: Any, folder: Path, where: str, device: str, track: list[str], observe: bool) -> bool:
    """Run the plan, along with the processes that a launcher started beside this one.

    Returns:
        False where a cell failed.
    """
    from kshot.benchmark import follow_benchmark
    from kshot.benchmark.engines import Local
    from kshot.devices import choose_device
    from kshot.training import join_processes

    processes, chosen = join_processes(choose_device(device))
    good = True
    if processes.leads:
        with processes.leading():
            good = _lead(plan, folder, where, chosen, Local(processes), track, observe)
    else:
        follow_benchmark(plan, folder, chosen, processes)
    processes.close()
    return good


def _run_on_ray(
    plan: Any,
    folder: Path,
    config: Path,
    overrides: list[str],
    device: str,
    address: str | None,
    track: list[str],
    observe: bool,
) -> bool:
    """Run the plan on a cluster; False where a cell failed."""
    import torch

    from kshot.benchmark.engines.ray import Ray
    from kshot.config import read

    with Ray(read(config, overrides), str(config), folder, device, address) as engine:
        return _lead(plan, folder, str(config), torch.device("cpu"), engine, track, observe)


def _lead(
    plan: Any, folder: Path, where: str, device: Any, engine: Any, track: list[str], observe: bool
) -> bool:
    """Run, report, print; False where a cell failed."""
    from kshot.benchmark import run_benchmark
    from kshot.cli.display import display
    from kshot.cli.tracking import Trackers
    from kshot.report import write_report

    shown, tracked = display(), Trackers(track, plan, folder)
    try:
        with plan.registry.observing(shown), plan.registry.observing(tracked), shown, tracked:
            found = run_benchmark(plan, folder, where, device, engine, observe=observe)
    except KeyboardInterrupt as stop:
        stop.add_note("what is finished is kept, and the same command goes on from there")
        raise
    page = write_report(folder)
    shown.summary(found)
    typer.echo(f"results: {folder / 'results.json'}, results.csv, results.md, results.tex; report: {page}")
    return all(cell.status != "failed" for cell in found.cells)


def _plan(config: Path, overrides: list[str]) -> Any:
    from kshot.benchmark import make_plan
    from kshot.config import read
    from kshot.registry import load_registry

    return make_plan(read(config, overrides), str(config), load_registry())


def _print_plan(plan: Any) -> None:
    """The cells, those that are trained and scored alike together; their parts may have settings of their own."""
    alike: dict[str, list[str]] = {}
    for cell in plan.to_run():
        train, evaluate = cell.settings.train, cell.settings.evaluate
        scored = ", ".join(_asked(shape, evaluate.episodes) for shape in evaluate.all_shapes())
        trained = (
            f"trained on {train.episodes} episodes of {train.shape}\nand " if cell.draws_training else ""
        )
        told = f"each {trained}scored on {scored}"
        alike.setdefault(told, []).append(cell.id)
    for told, cells in alike.items():
        typer.echo(f"{len(cells)} cells; {told}")
        for cell in cells:
            typer.echo(f"  {cell}")


def _asked(shape: Any, episodes: int) -> str:
    from kshot.shapes import Fixed

    if isinstance(shape, Fixed):
        return f"all of the source's episodes '{shape.name}'"
    return f"{episodes} episodes of {shape.asked}"
