"""A cell's encoder: built, fitted to the training examples, and made ready to be trained."""

from __future__ import annotations

from kshot.benchmark.data import Data
from kshot.benchmark.plan import PlannedCell
from kshot.encoders import Tuned, tune
from kshot.errors import CellError, DataError
from kshot.interfaces import Encoder
from kshot.loading import RawExamples
from kshot.making import make_encoder


def build_encoder(cell: PlannedCell, data: Data) -> Tuned:
    """The cell's encoder, on the CPU.

    Raises:
        KshotError: it cannot be built, or not trained as the configuration says.
    """
    part = cell.encoder
    encoder = make_encoder(part.what)
    if type(encoder).fit is not Encoder.fit:
        source = data.source(cell.source)
        try:
            catalogue = source.catalogue("train")
        except DataError as error:
            raise DataError(f"{error} (encoder '{part.id}' learns from all of them)") from error
        encoder.fit(RawExamples.of_split(source, catalogue))
    try:
        return tune(encoder, part.tuning)
    except ValueError as error:
        raise CellError(f"encoder '{part.id}': {error}") from error
