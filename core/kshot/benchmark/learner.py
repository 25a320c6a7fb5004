"""A cell's learner: built around its encoder, once it is known to serve the cell's episodes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from kshot.benchmark.plan import PlannedCell
from kshot.errors import CellError
from kshot.interfaces import Encoder, Learner
from kshot.making import make_learner
from kshot.sampling import AnySampler
from kshot.shapes import Range


def build_learner(cell: PlannedCell, encoder: Encoder, samplers: Sequence[AnySampler]) -> Learner:
    """The cell's learner, on the encoder's device or the CPU.

    Args:
        cell: whose.
        encoder: what it is built around.
        samplers: of the test episodes.

    Raises:
        KshotError: it cannot be built, or does not serve the cell's episodes.
    """
    part, settings = cell.learner, cell.settings
    way = settings.train.way
    takes = inspect.signature(part.factory).parameters.get("way")
    if takes and takes.default is takes.empty and isinstance(way, Range):
        raise CellError(
            f"learner '{part.id}' serves one number of classes, and train.way is {way}: set it to a number"
        )
    learner = make_learner(part.what, encoder, way if takes and isinstance(way, int) else None)
    for sampler in samplers:
        if learner.way not in (None, sampler.shape.way):
            raise CellError(
                f"learner '{part.id}' serves {learner.way} classes, as many as its training episodes "
                f"have, and cannot be tested on {sampler.shape}; set its head to one that serves any way, "
                f"or its evaluate.shapes to {learner.way}-way ones"
            )
    if settings.evaluate.batch_statistics:
        learner.batch_statistics = settings.evaluate.batch_statistics
    return learner
