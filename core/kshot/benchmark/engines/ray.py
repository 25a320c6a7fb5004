"""The Ray engine: cells spread over the machines of a Ray cluster."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, final

import torch

from kshot import results
from kshot.benchmark.cell import Surroundings
from kshot.benchmark.engines.attempt import failed
from kshot.benchmark.engines.engine import Engine
from kshot.benchmark.engines.worker import Job, describe, work
from kshot.benchmark.environment import versions
from kshot.benchmark.plan import PlannedCell
from kshot.errors import KshotError, listing
from kshot.registry import Registry

RETRIES = 3
"""How often a cell is taken up again whose worker died; it goes on from its last checkpoint."""

POLL_SECONDS = 0.2
"""How often events of the workers are passed on."""

OBJECT_STORE = 128 * 2**20
"""Bytes of shared memory of a cluster started here: what a cell sends is a few kilobytes."""


@final
class Ray(Engine):
    """Each cell is a task, with a GPU of its own or one thread of a processor.

    A worker makes the same plan from the same configuration, writes into the cell's own folder
    and gives its result back; this process alone writes the results. Folder and data must be
    seen under the same paths by all machines.

    Args:
        raw: the configuration as read.
        where: its name, for messages.
        folder: of the results.
        device: ``cpu``, ``cuda``, or ``auto`` for GPUs where the cluster has any.
        address: of a running cluster; none: one is started on this machine, and ended.

    Raises:
        KshotError: Ray is not installed, the cluster is not reached, or has no GPU.
    """

    def __init__(
        self, raw: Mapping[str, Any], where: str, folder: Path, device: str, address: str | None = None
    ) -> None:
        self._ray = _library()
        self._own = not self._ray.is_initialized()
        if self._own:
            self._connect(address)
        gpus = self._ray.cluster_resources().get("GPU", 0)
        if device == "cuda" and not gpus:
            self.close()
            raise KshotError("--device cuda: the Ray cluster has no GPU; use --device cpu or auto")
        self._gpu = device != "cpu" and bool(gpus)
        self._job = Job(
            dict(raw), where, str(folder.absolute()), "cuda" if self._gpu else "cpu", str(Path.cwd())
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave the cluster, or end it where it was started here."""
        self.close()

    def close(self) -> None:
        """See :meth:`__exit__`."""
        if self._own:
            self._ray.shutdown()

    def environment(self, registry: Registry, device: torch.device) -> dict[str, Any]:
        """Of a worker; its versions must be those here, since results are kept under them."""
        found: dict[str, Any] = self._get(self._task(describe, RETRIES).remote(self._job))
        here, there = versions(registry), found["versions"]
        differ = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
        if differ:
            told = ", ".join(f"{one} {here.get(one)} here and {there.get(one)} there" for one in differ)
            raise KshotError(f"the Ray cluster's workers have other versions: {told}; install the same")
        return found

    def run(
        self, cells: Sequence[PlannedCell], around: Surroundings
    ) -> Iterator[tuple[PlannedCell, results.Cell]]:
        """As workers end them."""
        if not cells:
            return
        _refuse_session(cells)
        queue = importlib.import_module("ray.util.queue").Queue(actor_options={"num_cpus": 0})
        task = self._task(work, RETRIES)
        job = replace(self._job, observe=around.observe)
        pending = {task.remote(job, cell.id, queue): cell for cell in cells}
        try:
            while pending:
                ended, _ = self._ray.wait(list(pending), timeout=POLL_SECONDS)
                for hook, arguments in queue.get_nowait_batch(queue.qsize()):
                    around.notify(hook, **arguments)
                for one in ended:
                    cell = pending.pop(one)
                    yield cell, self._entry(cell, one)
        finally:
            for one in pending:
                self._ray.cancel(one, force=True)
            queue.shutdown(force=True)

    def _connect(self, address: str | None) -> None:
        if address is None:
            started = {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE}
        else:
            started = {"address": address}
        try:
            self._ray.init(**started, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise KshotError(f"cannot reach a Ray cluster at {address or 'this machine'}: {error}") from error

    def _task(self, function: Callable[..., Any], retries: int) -> Any:
        own = {name: value for name, value in os.environ.items() if name.startswith("KSHOT_")}
        return self._ray.remote(function).options(
            num_cpus=1, num_gpus=int(self._gpu), max_retries=retries, runtime_env={"env_vars": own}
        )

    def _entry(self, cell: PlannedCell, task: Any) -> results.Cell:
        try:
            return results.Cell.model_validate(self._get(task))
        except KshotError as error:
            return failed(cell, str(error))

    def _get(self, task: Any) -> Any:
        """What a task gave back.

        Raises:
            KshotError: it raised, or its worker died too often.
        """
        try:
            return self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            raise KshotError(str(error.cause)) from error
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise KshotError(f"its worker died, {RETRIES} times again after the first: {reason}") from error


def _library() -> Any:
    """Ray, told to send no usage statistics.

    Raises:
        KshotError: it is not installed, or cannot be used here.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise KshotError(
            "--engine ray starts its own workers; run it as `kshot bench`, not under accelerate or torchrun"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise KshotError('--engine ray: Ray is not installed; pip install "kshot[ray]"') from error


def _refuse_session(cells: Sequence[PlannedCell]) -> None:
    parts = [part for cell in cells for part in (cell.learner, cell.encoder, cell.source)]
    own = sorted({str(part.entry) for part in parts if part.entry.made})
    if own:
        raise KshotError(
            f"{listing(own)}: registered in this process, and unknown to a cluster's workers; put it into a "
            "plugin that they have, or run without Ray"
        )
