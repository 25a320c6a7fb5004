"""Encoders and sources made as they were resolved, those that they are made of first."""

from __future__ import annotations

from kshot.encoders import tune
from kshot.errors import CellError
from kshot.interfaces import Encoder, Source
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


def make_source(what: Resolved, made: dict[str, Source] | None = None) -> Source:
    """The opened source.

    Args:
        what: the source, resolved.
        made: by identity, sources that are there already, to which this one and its parts are added: what
            several are made of is opened once.

    Raises:
        KshotError: it, or a part of it, cannot be opened.
    """
    known = {} if made is None else made
    if what.identity not in known:
        known[what.identity] = what.make(make_part=lambda part: make_source(part, known))
    return known[what.identity]
