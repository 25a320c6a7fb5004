"""Encoders made as they were resolved, those that they are made of first."""

from __future__ import annotations

from kshot.encoders.tuned import tune
from kshot.errors import CellError
from kshot.interfaces import Encoder
from kshot.resolving import Resolved


def make_encoder(what: Resolved) -> Encoder:
    """The encoder, on the CPU, its own tuning not yet applied; that of its towers is.

    Raises:
        KshotError: it cannot be made, or a tower not be trained as it says.
    """
    return what.make(make_part=_tower)


def _tower(what: Resolved) -> Encoder:
    try:
        return tune(make_encoder(what), what.tuning).encoder
    except ValueError as error:
        raise CellError(f"{what.entry.modality}: {error}") from error
