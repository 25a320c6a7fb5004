"""The hooks. A plugin implements any of them with ``@kshot.hookimpl``.

Registration hooks take no argument and return specs. Run-time hooks observe a run: they
receive keyword arguments, return nothing, and must not change what they are given. No hook
gives the order of calls a meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kshot.specs import EncoderSpec, LearnerSpec, MetricSpec, ReaderSpec, SourceSpec

PROJECT = "kshot"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def kshot_encoders() -> Sequence[EncoderSpec]:  # pyright: ignore[reportReturnType]
    """Encoders that this plugin brings. Called once, when the registry is built."""


@hookspec
def kshot_learners() -> Sequence[LearnerSpec]:  # pyright: ignore[reportReturnType]
    """Learners that this plugin brings. Called once, when the registry is built."""


@hookspec
def kshot_sources() -> Sequence[SourceSpec]:  # pyright: ignore[reportReturnType]
    """Sources that this plugin brings. Called once, when the registry is built."""


@hookspec
def kshot_metrics() -> Sequence[MetricSpec]:  # pyright: ignore[reportReturnType]
    """Metrics that this plugin brings. Called once, when the registry is built."""


@hookspec
def kshot_readers() -> Sequence[ReaderSpec]:  # pyright: ignore[reportReturnType]
    """How a modality takes what people have: files, arrays, texts. Called once, when the registry is built."""


@hookspec
def kshot_run_started(name: str, cells: Sequence[str], finished: Sequence[str]) -> None:
    """A benchmark starts.

    Args:
        name: the configuration's name.
        cells: identifiers of all cells, in the order in which they run.
        finished: those that an earlier run on the same folder finished.
    """


@hookspec
def kshot_cell_started(cell: str, stage: str) -> None:
    """A cell enters a stage: ``"data"``, ``"pretrain"``, ``"embed"``, ``"train"`` or ``"evaluate"``."""


@hookspec
def kshot_pretrained(cell: str, epoch: int, total: int, loss: float) -> None:
    """An epoch of pretraining ended.

    Args:
        cell: the cell's identifier.
        epoch: epochs done.
        total: epochs that this cell is pretrained for.
        loss: mean loss of the epoch, in nats.
    """


@hookspec
def kshot_episodes_trained(cell: str, episodes: int, total: int, loss: float, seconds: float) -> None:
    """Training moved on; called a few times a second at most.

    Args:
        cell: the cell's identifier.
        episodes: episodes trained so far.
        total: episodes that this cell trains.
        loss: mean loss since the last call, in nats where the loss is a cross-entropy.
        seconds: time trained so far.
    """


@hookspec
def kshot_validated(cell: str, episodes: int, accuracy: float, ci95: float) -> None:
    """Validation episodes were scored after ``episodes`` training episodes."""


@hookspec
def kshot_evaluated(cell: str, shape: str, accuracy: float, ci95: float) -> None:
    """Test episodes of one shape were scored; ``shape`` reads like ``"5w1s"``."""


@hookspec
def kshot_cell_finished(cell: str, result: dict[str, Any]) -> None:
    """A cell finished; ``result`` is its entry of results.json."""


@hookspec
def kshot_cell_failed(cell: str, error: str) -> None:
    """A cell failed with ``error``; the other cells go on."""


@hookspec
def kshot_run_finished(name: str, finished: Sequence[str], failed: Sequence[str]) -> None:
    """All cells were run and the results are written; not called where a run is interrupted.

    Args:
        name: the configuration's name.
        finished: identifiers of the cells that have results, of this run or an earlier one.
        failed: those that have none.
    """
