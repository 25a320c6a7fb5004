"""A cell's learner: built around its encoder, once it is known to serve the cell's episodes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

from kshot.benchmark.plan import Part, PlannedCell
from kshot.errors import CellError
from kshot.interfaces import Encoder, Learner
from kshot.making import make_learner
from kshot.registry.report import reason
from kshot.sampling import AnySampler
from kshot.shapes import Range, Shape, Way


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
        raise CellError(_needs_a_number(part, way))
    learner = make_learner(part.what, encoder, way if takes and isinstance(way, int) else None)
    for sampler in samplers:
        if learner.way not in (None, sampler.shape.way):
            raise CellError(_of_another_way(part, learner.way, sampler.shape))
    if settings.evaluate.batch_statistics:
        learner.batch_statistics = settings.evaluate.batch_statistics
    return learner


def unserved(cell: PlannedCell, shapes: Iterable[Shape]) -> list[str]:
    """Why a cell's learner cannot serve its episodes, as far as is known before it is built.

    Args:
        cell: whose.
        shapes: of the test episodes.
    """
    part, train = cell.learner, cell.settings.train
    asked = getattr(part.factory, "way_of", None)
    if asked is None:  # a function that makes learners: known once one is built
        return []
    try:
        served: set[int | None] = {asked(end, part.options) for end in train.shape.ways}
    except (Exception, SystemExit) as error:
        return [f"{part.what.entry}: way_of raised {reason(error)}"]
    if len(served) > 1:
        return [_needs_a_number(part, train.way)]
    way = served.pop()
    return [_of_another_way(part, way, one) for one in shapes if way not in (None, one.way)]


def _needs_a_number(part: Part, way: Way) -> str:
    return (
        f"learner '{part.id}' serves one number of classes, and train.way is {way}: set it to a number, or its "
        "head to one that serves any way"
    )


def _of_another_way(part: Part, way: int | None, shape: Shape) -> str:
    return (
        f"learner '{part.id}' serves {way} classes, as many as its training episodes have, and cannot be tested "
        f"on {shape}; set its head to one that serves any way, or its evaluate.shapes to {way}-way ones"
    )
