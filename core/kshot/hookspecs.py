"""The hooks. A plugin implements any of them with ``@kshot.hookimpl``.

Registration hooks take no argument and return specs. Run-time hooks observe a run: they
receive keyword arguments, return nothing, and must not change what they are given. No hook
gives the order of calls a meaning. An implementation names the arguments that it wants.

Most run-time hooks are called in the process in which the run was started, with plain values, a
few times a cell. Those of ``INSIDE`` are called where a cell is computed, for every batch, with
tensors; where nobody implements one, nothing is prepared for them. docs/hooks.md has an example of each,
and the rule by which an argument or a hook may go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from kshot.episode import Episodes
    from kshot.functional.noting import Values
    from kshot.specs import EncoderSpec, LearnerSpec, MetricSpec, ReaderSpec, SourceSpec

PROJECT = "kshot"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookDeprecation(DeprecationWarning):
    """A hook, or an argument of one, goes with the next number of the hook API.

    Given to ``@hookspec(warn_on_impl=...)`` or ``@hookspec(warn_on_impl_args={"argument": ...})``, it
    is told to whoever runs a plugin that implements the hook or names the argument.
    """


INSIDE = ("kshot_batch_started", "kshot_inner_step", "kshot_noted", "kshot_batch_finished")
"""The hooks inside a computation."""


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
    """A cell enters a stage; its first is ``"data"``.

    Args:
        cell: the cell's identifier.
        stage: ``"data"``, ``"pretrain"``, ``"embed"``, ``"train"`` or ``"evaluate"``.
    """


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
def kshot_validation_started(cell: str, episodes: int) -> None:
    """Validation episodes are about to be scored.

    Args:
        cell: the cell's identifier.
        episodes: trained so far.
    """


@hookspec
def kshot_validated(cell: str, episodes: int, accuracy: float, ci95: float) -> None:
    """Validation episodes were scored.

    Args:
        cell: the cell's identifier.
        episodes: trained so far.
        accuracy: mean over the validation episodes, from 0 to 1.
        ci95: half-width of its 95 % interval.
    """


@hookspec
def kshot_evaluation_started(cell: str, shape: str, episodes: int) -> None:
    """Test episodes of one shape are about to be scored.

    Args:
        cell: the cell's identifier.
        shape: reads like ``"5w1s"``.
        episodes: how many.
    """


@hookspec
def kshot_evaluated(cell: str, shape: str, accuracy: float, ci95: float) -> None:
    """Test episodes of one shape were scored.

    Args:
        cell: the cell's identifier.
        shape: reads like ``"5w1s"``.
        accuracy: mean over the test episodes, from 0 to 1.
        ci95: half-width of its 95 % interval.
    """


@hookspec
def kshot_batch_started(
    cell: str, stage: str, shape: str, episodes: int, total: int, batch: Episodes
) -> None:
    """A batch of episodes is about to be passed.

    Args:
        cell: the cell's identifier.
        stage: ``"train"``, ``"validate"`` or ``"evaluate"``.
        shape: of the stage's episodes, such as ``"5w1s"``.
        episodes: of the stage and shape, done before this batch.
        total: of the stage and shape, to be done.
        batch: the episodes; in training a whole meta-batch.
    """


@hookspec
def kshot_inner_step(cell: str, stage: str, step: int, values: Values) -> None:
    """A learner that adapts weights to the support took one step of it.

    Args:
        cell: the cell's identifier.
        stage: as of the batch.
        step: from 0; step k starts from the weights after k steps.
        values: ``values()`` computes and gives detached tensors (T, …) by name, ``loss/support``
            at least; it can be called only until the hook returns. ``values.episodes`` is the slice of the
            batch that they are of: all of it, or the share of a thread or a process.
    """


@hookspec
def kshot_noted(cell: str, stage: str, name: str, values: Values) -> None:
    """A learner noted something by ``kshot.functional.note``.

    Args:
        cell: the cell's identifier.
        stage: as of the batch.
        name: what the learner calls it, such as ``"attention"``.
        values: as of ``kshot_inner_step``; what a tensor's shape means is the learner's own.
    """


@hookspec
def kshot_batch_finished(cell: str, stage: str, loss: Tensor) -> None:
    """A batch is done, in training its gradient step too.

    Args:
        cell: the cell's identifier.
        stage: as of the batch.
        loss: a scalar on the device: in training the whole meta-batch's mean loss, else the mean
            cross-entropy of the batch's queries in nats.
    """


@hookspec
def kshot_cell_finished(cell: str, result: dict[str, Any]) -> None:
    """A cell finished, and is on disk.

    Args:
        cell: the cell's identifier.
        result: its entry of results.json.
    """


@hookspec
def kshot_cell_failed(cell: str, error: str) -> None:
    """A cell failed; the other cells go on.

    Args:
        cell: the cell's identifier.
        error: why, for a user.
    """


@hookspec
def kshot_run_failed(name: str, error: str) -> None:
    """The run ends before its time: it was asked to stop, or met what no other cell would mend.

    Not called where the process is killed. The same command goes on from what is finished.

    Args:
        name: the configuration's name.
        error: why, in one line.
    """


@hookspec
def kshot_run_finished(name: str, finished: Sequence[str], failed: Sequence[str]) -> None:
    """All cells were run and the results are written.

    Args:
        name: the configuration's name.
        finished: identifiers of the cells that have results, of this run or an earlier one.
        failed: those that have none.
    """
