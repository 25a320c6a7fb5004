"""One cell, whatever happens in it."""

from __future__ import annotations

import traceback

from kshot import results
from kshot.benchmark.cell import Surroundings, identity, run_cell
from kshot.benchmark.plan import PlannedCell
from kshot.errors import ProcessError, StorageError
from kshot.functional.fitting import roomy
from kshot.training.messages import reason


def attempt(cell: PlannedCell, around: Surroundings) -> results.Cell:
    """The cell's result, or an entry that says why there is none.

    Raises:
        ProcessError: a process that trains along is gone: no further cell can run.
        StorageError: a file cannot be written, which no other cell would mend.
    """
    try:
        with roomy("the cell", "take a smaller encoder, lower loading.memory_gib, or another device"):
            return run_cell(cell, around)
    except (ProcessError, StorageError):
        raise
    except (Exception, SystemExit) as error:
        # Anything may go wrong inside somebody's encoder, or it may ask to leave; the other cells still run.
        around.keep_traceback(cell, traceback.format_exc())
        return failed(cell, reason(error))


def failed(cell: PlannedCell, why: str) -> results.Cell:
    """The entry of a cell that has no result."""
    return results.Cell(**identity(cell), status="failed", error=why)
