"""``kshot bench --track``: a run told to TensorBoard, or to any other tracker that accelerate knows."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, final

from kshot.errors import KshotError, listing, nearest
from kshot.hookspecs import hookimpl

INSTALL = 'pip install "kshot[track]"'

_NAME_OF_RUN = {
    "wandb": "name",
    "trackio": "name",
    "mlflow": "run_name",
    "clearml": "task_name",
    "swanlab": "experiment_name",
}
"""Trackers that group runs in a project, and what they call a run's name. Others know the run alone."""


def check_trackers(names: Sequence[str]) -> None:
    """Make sure that every tracker is there.

    Raises:
        KshotError: accelerate or the tracker's package is missing, or nobody knows the name.
    """
    if not names:
        return
    if importlib.util.find_spec("accelerate") is None:
        raise KshotError(f"--track: trackers need accelerate; {INSTALL}")
    from accelerate import tracking

    known: dict[str, Any] = tracking.LOGGER_TYPE_TO_CLASS
    house = [str(one) for one in tracking.LoggerType if one != tracking.LoggerType.ALL]
    there = [str(one) for one in tracking.get_available_trackers()]
    for name in names:
        if name not in known:
            raise KshotError(f"--track: unknown tracker '{name}'{nearest(name, known)}; {listing(known)}")
        if name in house and name not in there:
            command = INSTALL if name == "tensorboard" else f"pip install {name}"
            raise KshotError(f"--track: {name} is not installed; {command}")


@final
class Trackers:
    """Observes a run through hooks; every cell is a run of its own in each tracker.

    Those that write files write them below the run's folder, under the tracker's name. The trackers
    are made as accelerate's ``Accelerator`` makes them, without one: it would settle devices and
    precision for the whole process.

    Args:
        names: of trackers, as :func:`check_trackers` found them good.
        plan: the benchmark's; hyper-parameters come from it.
        folder: the run's.
    """

    def __init__(self, names: Sequence[str], plan: Any, folder: Path) -> None:
        self._names = tuple(dict.fromkeys(names))
        self._project = plan.configuration.name
        self._cells = {cell.id: cell for cell in plan.cells}
        self._folder = folder
        self._cell = ""
        self._open: list[Any] = []
        self._episodes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Close what an interrupted cell left open."""
        self._finish()

    @hookimpl
    def kshot_cell_started(self, cell: str) -> None:
        if cell == self._cell:  # another stage of it
            return
        self._finish()
        self._cell, self._episodes = cell, 0
        for name in self._names:
            tracker = self._make(name, cell)
            tracker.start()
            self._open.append(tracker)
            tracker.store_init_configuration(hyperparameters(self._cells[cell]))

    @hookimpl
    def kshot_pretrained(self, epoch: int, loss: float) -> None:
        self._log({"pretrain/loss": loss}, epoch)

    @hookimpl
    def kshot_episodes_trained(self, episodes: int, loss: float) -> None:
        self._episodes = episodes
        self._log({"train/loss": loss}, episodes)

    @hookimpl
    def kshot_validated(self, episodes: int, accuracy: float, ci95: float) -> None:
        self._log({"validation/accuracy": accuracy, "validation/ci95": ci95}, episodes)

    @hookimpl
    def kshot_evaluated(self, shape: str, accuracy: float, ci95: float) -> None:
        self._log({f"test/{shape}/accuracy": accuracy, f"test/{shape}/ci95": ci95}, self._episodes)

    @hookimpl
    def kshot_cell_finished(self) -> None:
        self._finish()

    @hookimpl
    def kshot_cell_failed(self) -> None:
        self._finish()

    def _make(self, name: str, cell: str) -> Any:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        kind: Any = LOGGER_TYPE_TO_CLASS[name]
        place = [str(self._folder / name)] if kind.requires_logging_directory else []
        if name in _NAME_OF_RUN:
            return kind(self._project, *place, **{_NAME_OF_RUN[name]: cell})
        return kind(cell, *place)

    def _log(self, values: dict[str, float], step: int) -> None:
        for tracker in self._open:
            tracker.log(values, step=step)

    def _finish(self) -> None:
        closing, self._open, self._cell = self._open, [], ""
        for tracker in closing:
            tracker.finish()


def hyperparameters(cell: Any) -> dict[str, str | int | float | bool]:
    """What tells a cell from others, as plain values: names, seed, options, settings.

    Args:
        cell: of the plan.
    """
    settings = cell.settings
    told: dict[str, Any] = {
        "learner": {"id": cell.learner.id, **cell.learner.record},
        "encoder": {"id": cell.encoder.id, **cell.encoder.record, **cell.encoder.tuning.told()},
        "source": {"id": cell.source.id, **cell.source.record},
        "seed": cell.seed,
        "train": settings.train.model_dump(mode="json"),
        "pretrain": settings.pretrain.model_dump(mode="json") if settings.pretrain else None,
    }
    return dict(_flat(told, ""))


def _flat(values: dict[str, Any], prefix: str) -> list[tuple[str, str | int | float | bool]]:
    flat: list[tuple[str, str | int | float | bool]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str | int | float | bool):
            flat.append((f"{prefix}{key}", value))
        elif value is not None:
            flat.append((f"{prefix}{key}", str(value)))
    return flat
