"""What a benchmark left behind of one of its cells, for a classifier to take up."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from kshot import results
from kshot.classifier.recipe import Named, Recipe
from kshot.config import Tuning
from kshot.errors import KshotError, listing, nearest
from kshot.interfaces import BatchStatistics

POLICIES: tuple[BatchStatistics, ...] = ("frozen", "support", "query")
CELL, CELLS = "cell.json", "cells"
"""Of a run: the file of a cell, and the folder of all cells."""


class _Stored(results.Entry):
    cell: results.Cell


def find_cell(given: Path) -> Path:
    """The folder of the one cell that a path names.

    Args:
        given: a cell's folder, ``RUN/cells/ID``; ``RUN/ID`` for short; or the run's folder, where it
            holds one trained cell alone.

    Raises:
        KshotError: there is no such cell, or several.
    """
    if (given / CELL).is_file():
        return given
    if (given / results.FILE).is_file():
        return given / CELLS / _only_trained(given)
    run = given.parent.parent if given.parent.name == CELLS else given.parent
    if not (run / results.FILE).is_file():
        raise KshotError(
            f"learner '{given}': no such learner, and no benchmark is there; give a registered name, the folder "
            "that `kshot bench --out` wrote, or of one of its cells: RUN/cells/ID"
        )
    folder = run / CELLS / given.name
    if not (folder / CELL).is_file():
        ids = [cell.id for cell in results.load(run).cells]
        raise KshotError(
            f"learner '{given}': {run} has no cell '{given.name}'{nearest(given.name, ids)} (cells: {listing(ids)})"
        )
    return folder


def read_recipe(folder: Path) -> Recipe:
    """What a cell was built from.

    Raises:
        KshotError: the cell failed, a file is missing or damaged.
    """
    cell = results.read_entry(folder / CELL, _Stored).cell
    if cell.status != "finished":
        raise KshotError(f"{folder}: this cell failed ({cell.error}); run the benchmark again")
    run = results.load(folder.parent.parent)
    options = dict(cell.options["encoder"])
    tuned = {name: options.pop(name) for name in Tuning.model_fields if name in options}
    # How fast layers move and what is computed again are matters of training alone.
    try:
        tuning = Tuning.model_validate({k: v for k, v in tuned.items() if k in ("train", "lora")})
    except ValidationError as error:
        raise KshotError(f"{folder / CELL}: what trained in the encoder cannot be read") from error
    way = cell.train.way
    return Recipe(
        encoder=Named(run.use("encoders", cell.encoder), options),
        learner=Named(run.use("learners", cell.learner), dict(cell.options["learner"])),
        tuning=tuning,
        way=way if isinstance(way, int) else None,
        batch_statistics=_policy(cell),
        cell=cell.id,
    )


def _policy(cell: results.Cell) -> BatchStatistics | None:
    """That of its evaluation, which is the same for all shapes."""
    policies = {score.batch_statistics for score in cell.scores}
    return next((known for known in POLICIES if known in policies), None)


def _only_trained(run: Path) -> str:
    cells = results.load(run).cells
    trained = [cell.id for cell in cells if cell.status == "finished" and cell.trained]
    if len(trained) == 1:
        return trained[0]
    if not trained:
        raise KshotError(
            f"learner '{run}': none of its cells was trained; name one all the same: {run / CELLS}/ID, ID of "
            f"{listing([cell.id for cell in cells])}"
        )
    raise KshotError(
        f"learner '{run}': it holds {len(trained)} trained cells; name one: {run}/ID, ID of {listing(trained)}"
    )
