"""``kshot tune``: measure this machine, and write what is fast here into a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kshot.cli.bench import Config, Overrides
from kshot.cli.paths import path
from kshot.cli.tables import print_table
from kshot.errors import KshotError

if TYPE_CHECKING:
    from kshot.benchmark.measuring import Measured, Trial
    from kshot.config import Strategies, StrategyEntry


def tune(
    config: Config,
    out: Annotated[
        Path | None,
        typer.Option(parser=path, help="File for the choice, to be included.", show_default="CONFIG itself"),
    ] = None,
    overrides: Overrides = [],  # noqa: B006 (typer reads the default, nobody changes it)
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(help="What to measure; auto takes a GPU if there is one."),
    ] = "auto",
    only: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Measure the cells whose id matches, such as 'maml.*'.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, print and write nothing.")] = False,
) -> None:
    """Measure what a configuration's learners and encoders do best with on this machine.

    Its choice goes into the key 'strategy'. Figures do not depend on it. Let the machine do nothing
    else meanwhile.
    """
    from kshot.benchmark import data_problems, make_plan
    from kshot.benchmark.data import Data
    from kshot.benchmark.measuring import measure, replaced
    from kshot.config import read
    from kshot.devices import choose_device
    from kshot.errors import ConfigurationError
    from kshot.registry import load_registry

    chosen = choose_device(device)
    plan = make_plan(read(config, overrides), str(config), load_registry())
    if only is not None:
        plan = plan.only(only)
    problems = data_problems(plan, Data(plan.configuration, chosen))
    if problems:
        raise ConfigurationError(str(config), problems)
    found: list[Measured] = []
    for one in measure(plan, chosen):
        found.append(one)
        print_table(
            one.pattern, ("key", "shipped", "tried", "time", "taken"), list(map(_row, one.choice.trials))
        )
    print_table(f"choice for {chosen.type}", ("cells", "strategy", "time"), list(map(_summary, found)))
    if not dry_run:
        strategy = replaced(plan, chosen, {one.pattern: one.choice.entry for one in found})
        _write(config, out, strategy)


def _row(trial: Trial) -> tuple[str, ...]:
    knob = trial.knob
    mark = "yes" if trial.taken else ""
    return knob.name, _text(knob.shipped), _text(trial.value), f"{trial.ratio:.2f}", mark


def _summary(found: Measured) -> tuple[str, str, str]:
    choice = found.choice
    told = ", ".join(f"{key}: {_text(value)}" for key, value in _given(choice.entry).items())
    time = f"{choice.shipped:.3g} s" + (f" -> {choice.seconds:.3g} s" if told else "")
    return found.pattern, told or "as shipped", time


def _text(value: object) -> str:
    return str(value).lower()


def _given(entry: StrategyEntry) -> dict[str, object]:
    return entry.model_dump(exclude_none=True)


def _write(config: Path, out: Path | None, strategy: Strategies) -> None:
    """Put the choice into its file, and tell how it comes into force where it does not by itself."""
    from kshot.config import read, with_key
    from kshot.files import write_atomic

    path = out or config
    value = strategy.model_dump(exclude_none=True, exclude_defaults=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        text = with_key(before, "strategy", value)
    except ValueError as error:
        raise KshotError(f"{path}: {error}; give --out a file of its own, and include that") from error
    if text == before:
        typer.echo("nothing to write: the shipped choices, or those that stand there, are as fast")
        return
    write_atomic(path, text.encode())
    typer.echo(f"strategy: {path}")
    if read(config).get("strategy", {}) != value:
        typer.echo(f"to follow it, let {config} include: {path}")
