"""A run: the cells that are missing, one after the other, each safe on disk before the next."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Generator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from kshot import results
from kshot.benchmark.cell import Surroundings, identity
from kshot.benchmark.data import Data, data_problems
from kshot.benchmark.engines import Engine, Local
from kshot.benchmark.environment import versions
from kshot.benchmark.exclusive import exclusive
from kshot.benchmark.observer import Observer
from kshot.benchmark.plan import Plan, PlannedCell
from kshot.benchmark.recorded import keep_configuration, uses
from kshot.benchmark.watching import Watching
from kshot.benchmark.worst import keep_worst
from kshot.config import Settings, Train
from kshot.errors import ConfigurationError, KshotError, PluginError
from kshot.files import content_hash, write_atomic
from kshot.functional.noting import Watcher
from kshot.hookspecs import INSIDE
from kshot.interfaces import Learner
from kshot.outcomes import Outcomes, outcomes_path, write_outcomes
from kshot.statistics import compared
from kshot.training import CHECKPOINT, Alone, Checkpoint, PretrainedEncoder, Processes, write_learner

log = logging.getLogger("kshot")


def run_benchmark(
    plan: Plan,
    folder: Path,
    where: str,
    device: torch.device,
    engine: Engine | None = None,
    *,
    observe: bool = False,
) -> results.Results:
    """Run every selected cell of the plan that ``folder`` does not hold finished already.

    One run at a time holds the folder. Each finished cell is written at once, so a run that is
    interrupted goes on where it was. A cell counts as finished only if everything that its figures
    depend on is unchanged: its options, seed, data, training, evaluation and the versions that
    computed it.

    Args:
        plan: what to run.
        folder: where results go.
        where: the configuration's name, for messages.
        device: where to compute.
        engine: computes the cells; default: a loop in this process.
        observe: look inside learners now and then, for the report. Figures do not depend on it; a cell
            that is computed without has nothing to show there.

    Returns:
        the results of all finished cells of the plan, as written to ``folder``.

    Raises:
        ConfigurationError: the data cannot serve the shapes asked for.
        StorageError: ``folder`` cannot be written.
        KshotError: another run holds ``folder``.
    """
    engine = engine or Local()
    data = Data(plan.configuration, device)
    problems = data_problems(plan, data)
    if problems:
        raise ConfigurationError(where, problems)
    with exclusive(folder):
        return _run(plan, folder, data, device, engine, observe)


def _run(
    plan: Plan, folder: Path, data: Data, device: torch.device, engine: Engine, observe: bool
) -> results.Results:
    notify = _tolerant(plan)
    store = _Store(plan, folder, data)
    done = {cell.id: entry for cell in plan.cells if (entry := store.finished(cell))}
    cells = plan.to_run()
    for part in {cell.source.id: cell.source for cell in cells}.values():
        results.save_sample(folder, data.sample(part))
    described = engine.environment(plan.registry, device)
    notify(
        "kshot_run_started",
        name=plan.configuration.name,
        cells=[cell.id for cell in cells],
        finished=[cell.id for cell in cells if cell.id in done],
    )
    with _ending_told(notify, plan.configuration.name):
        around = _surroundings(plan, data, device, notify, store, observe)
        configuration = keep_configuration(plan.configuration, folder)

        def write() -> results.Results:
            entries = [done[cell.id] for cell in plan.cells if cell.id in done]
            found = results.Results(
                schema=results.SCHEMA,
                name=plan.configuration.name,
                environment=described,
                configuration=configuration,
                uses=uses(plan),
                cells=entries,
            )
            results.save(folder, found)
            return found

        found = write()
        for cell, entry in engine.run([cell for cell in cells if cell.id not in done], around):
            done[cell.id] = entry
            store.keep(cell, entry)
            found = write()
            if entry.status == "finished":
                notify("kshot_cell_finished", cell=cell.id, result=entry.model_dump(mode="json"))
            else:
                notify("kshot_cell_failed", cell=cell.id, error=entry.error or "")
        found = compared(found, folder)
        results.save(folder, found)
        try:
            keep_worst(plan, data, folder, found)
        except KshotError as error:  # figures do not depend on it
            log.warning("the worst episodes cannot be shown: %s", error)
        notify(
            "kshot_run_finished",
            name=plan.configuration.name,
            finished=[cell.id for cell in cells if done[cell.id].status == "finished"],
            failed=[cell.id for cell in cells if done[cell.id].status == "failed"],
        )
        return found


@contextmanager
def _ending_told(notify: Callable[..., None], name: str) -> Generator[None]:
    """Observers hear of what ends the block before its time."""
    try:
        yield
    except BaseException as error:
        own = isinstance(error, KshotError)
        text = str(error) if own else f"{type(error).__name__}: {error}"
        asked = isinstance(error, KeyboardInterrupt)
        notify("kshot_run_failed", name=name, error="it was asked to stop" if asked else text)
        raise


def surroundings(
    plan: Plan,
    folder: Path,
    device: torch.device,
    notify: Callable[..., None],
    processes: Processes | None = None,
    *,
    observe: bool = False,
) -> Surroundings:
    """What a cell needs that runs here for a benchmark that another process writes.

    Args:
        plan: the same as in that process.
        folder: of the results, which both see.
        device: where to compute.
        notify: calls a run-time hook by name.
        processes: that train a cell together; default: this one alone.
        observe: look inside learners.
    """
    data = Data(plan.configuration, device)
    around = _surroundings(plan, data, device, notify, _Store(plan, folder, data), observe)
    return replace(around, processes=processes or Alone())


def _surroundings(
    plan: Plan, data: Data, device: torch.device, notify: Callable[..., None], store: _Store, observe: bool
) -> Surroundings:
    here = _tolerant(plan)

    def watcher(cell: PlannedCell, stage: str, shape: str) -> Watcher | None:
        return Watching(here, cell.id, stage, shape) if plan.registry.observed(*INSIDE) else None

    def looking(cell: PlannedCell) -> AbstractContextManager[None]:
        observer = store.observer(cell, observe)
        return plan.registry.observing(observer) if observer else nullcontext()

    return Surroundings(
        plan=plan,
        data=data,
        device=device,
        notify=notify,
        checkpoint=store.checkpoint,
        pretrained=store.pretrained,
        keep_learner=store.keep_learner,
        keep_outcomes=store.keep_outcomes,
        keep_projection=store.keep_projection,
        keep_traceback=store.keep_traceback,
        watcher=watcher,
        looking=looking,
        observe=observe,
    )


class _Stored(results.Entry):
    """A cell on disk, under a hash of all that its figures depend on.

    It is written last, and holds the hash of the outcomes that were written before: so a cell is there
    whole or not at all, whenever its run was killed.
    """

    key: str
    outcomes: str
    cell: results.Cell


class _Store:
    """Where cells lie on disk, and what makes one count as finished."""

    def __init__(self, plan: Plan, folder: Path, data: Data) -> None:
        self._plan = plan
        self._folder = folder
        self._data = data
        self._versions = versions(plan.registry)

    def finished(self, cell: PlannedCell) -> results.Cell | None:
        """What an earlier run found, if it still holds."""
        path = self._path(cell)
        if not path.is_file():
            return None
        try:
            stored = results.read_entry(path, _Stored)
            same = stored.key == self._key(cell) and stored.outcomes == self._outcomes(cell)
        except KshotError:  # damaged, or of a source that cannot be opened and is not to run
            return None
        return stored.cell if same and stored.cell.status == "finished" else None

    def keep(self, cell: PlannedCell, entry: results.Cell) -> None:
        """Write a cell's result."""
        stored = _Stored(key=self._key(cell), outcomes=self._outcomes(cell), cell=entry)
        results.write_entry(self._path(cell), stored)

    def keep_learner(self, cell: PlannedCell, learner: Learner) -> None:
        """Write what lasts of a learner: a classifier may take it up."""
        write_learner(self._path(cell).parent, learner)

    def keep_outcomes(self, cell: PlannedCell, outcomes: Sequence[Outcomes]) -> None:
        """Write what was said of every query: figures and comparisons can be had from it later."""
        write_outcomes(outcomes_path(self._folder, cell.id), outcomes)

    def keep_projection(self, cell: PlannedCell, projection: results.Projection) -> None:
        """Write where the encoder put some test examples, for the report."""
        results.write_entry(results.projection_path(self._folder, cell.id), projection)

    def keep_traceback(self, cell: PlannedCell, text: str) -> None:
        """Write what a developer needs to mend a failed cell."""
        write_atomic(self._path(cell).with_name("traceback.txt"), text)
        log.debug("%s failed\n%s", cell.id, text)

    def observer(self, cell: PlannedCell, wanted: bool) -> Observer | None:
        """What looks inside a cell; where none is wanted, what an earlier one saw goes."""
        path = results.inside_path(self._folder, cell.id)
        if wanted:
            return Observer(path, self.checkpoint(cell).key)
        path.unlink(missing_ok=True)
        return None

    def checkpoint(self, cell: PlannedCell) -> Checkpoint:
        """Where a cell's training keeps its state.

        A schedule that does not look at the length of the training lets a longer one go on
        from where a shorter one ended. With early stopping none can: when and how it was validated is
        part of what became of it.
        """
        train, validated = cell.settings.train, cell.settings.train.patience is not None
        by_length = train.schedule == "cosine" or (
            train.schedule == "halving" and train.halving_every is None
        )
        open_ended = not validated and not by_length
        left = {"episodes", "validations", "validation_episodes"} if open_ended else set[str]()
        depends = {
            **self._training(cell),
            "train": _described(train, left),
            "batch_statistics": cell.settings.evaluate.batch_statistics,
            "validation": _validation(cell.settings) if validated else None,
        }
        path = self._path(cell).with_name(CHECKPOINT)
        return Checkpoint(path, _hash(depends), train.start, train.checkpoint_seconds)

    def pretrained(self, cell: PlannedCell, head: str) -> PretrainedEncoder:
        """Where the pretrained encoder lies, for every cell that begins with it."""
        described = self._training(cell)
        depends = {key: value for key, value in described.items() if key not in ("id", "learner")}
        depends["options"] = {k: v for k, v in described["options"].items() if k != "learner"}
        depends |= {"factories": described["factories"][1:], "head": head}
        source = cell.source.id
        if cell.source.what.parts:
            # Examples of the parts, whatever support and queries are made of, and whatever is tested.
            source = "+".join(cell.source.what.parts)
            depends |= {
                "source": source,
                "options": described["options"]["encoder"],
                "factories": [entry.identity for entry in cell.encoder.what.entries],
                "data": self._data.training_fingerprint(cell.source),
            }
        name = f"{cell.encoder.id}.{source}.{cell.seed}-{_hash(depends)[:16]}.safetensors"
        return PretrainedEncoder(self._folder / "pretrained" / name, cell.settings.train.checkpoint_seconds)

    def _outcomes(self, cell: PlannedCell) -> str:
        """The hash of the cell's outcomes; empty where there are none."""
        path = outcomes_path(self._folder, cell.id)
        return content_hash(path) if path.is_file() else ""

    def _path(self, cell: PlannedCell) -> Path:
        return self._folder / "cells" / cell.id / "cell.json"

    def _key(self, cell: PlannedCell) -> str:
        depends = {
            **self._training(cell),
            "train": _described(cell.settings.train),
            "evaluate": {
                **cell.settings.evaluate.model_dump(mode="json"),
                "metrics": [self._metric(name) for name in self._plan.metrics[cell.modality]],
            },
        }
        return _hash(depends)

    def _metric(self, name: str) -> str:
        """A metric that is somebody's own is known by its code, too."""
        code = self._plan.registry.find("metrics", name).known().code
        return f"{name} {code}" if code else name

    def _training(self, cell: PlannedCell) -> dict[str, Any]:
        """What a cell's training depends on, its own settings aside."""
        pretrain = cell.settings.pretrain
        return {
            **identity(cell),
            "factories": [
                entry.identity
                for part in (cell.learner, cell.encoder, cell.source)
                for entry in part.what.entries
            ],
            "data": self._data.fingerprints(cell.source),
            "pretrain": pretrain.model_dump(mode="json") if pretrain else None,
            "versions": self._versions,
        }


def _described(train: Train, left: Set[str] = frozenset()) -> dict[str, Any]:
    """What figures depend on in a training's settings.

    The checkpoint it goes on from stands there by its content, wherever it lies.
    """
    described = train.model_dump(mode="json", exclude={*left, "start", "checkpoint_seconds"})
    return described | ({"start": content_hash(train.start)} if train.start else {})


def _validation(settings: Settings) -> dict[str, Any]:
    """What draws the validation episodes."""
    return {"shape": asdict(settings.validation_shape), "seed": settings.evaluate.seed}


def _hash(depends: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _tolerant(plan: Plan) -> Callable[..., None]:
    """Calls run-time hooks; an observer that raises is named in the log and stops nothing."""
    told: set[str] = set()

    def notify(hook: str, **arguments: Any) -> None:
        try:
            plan.registry.notify(hook, **arguments)
        except PluginError as error:
            if str(error) not in told:
                told.add(str(error))
                log.warning("%s", error)

    return notify
