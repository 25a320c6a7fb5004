"""Encoders, learners, sources and readers made as they were resolved, those that they are made of first."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar, get_args

from torch import nn

from kshot.encoders import tune
from kshot.errors import CellError, KshotError, PluginError
from kshot.functional.fitting import is_shortage
from kshot.interfaces import BatchStatistics, Encoder, Learner, Reader, Source
from kshot.registry import Entry
from kshot.registry.report import reason
from kshot.resolving import Resolved

_Made = TypeVar("_Made")


@contextmanager
def blaming(entry: Entry) -> Generator[None]:
    """Let what an entry's factory raises name the entry and who brings it.

    Raises:
        PluginError: it raised what does not say so itself.
    """
    try:
        yield
    except KshotError:
        raise
    except (Exception, SystemExit) as error:
        if is_shortage(error):  # which is nobody's fault, and told with what to do
            raise
        raise PluginError(f"{entry} cannot be made: {reason(error)}") from error


def _expected(entry: Entry, made: object, kind: type[_Made]) -> _Made:
    """What an entry's factory gave.

    Raises:
        PluginError: it is nothing of its kind.
    """
    if isinstance(made, kind):
        return made
    found = f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
    raise PluginError(
        f"{entry}: its factory '{entry.spec.factory}' gives {found}; it must give a kshot.interfaces.{kind.__name__}"
    )


def make_encoder(what: Resolved) -> Encoder:
    """The encoder, on the CPU, its own tuning not yet applied; that of its towers is.

    Raises:
        KshotError: it cannot be made, or a tower not be trained as it says.
    """
    with blaming(what.entry):
        return _expected(what.entry, what.make(make_part=_tower), Encoder)


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
        with blaming(what.entry):
            source = what.make(make_part=lambda part: make_source(part, known))
            known[what.identity] = _expected(what.entry, source, Source)
    return known[what.identity]


def make_learner(what: Resolved, encoder: nn.Module, way: int | None = None) -> Learner:
    """The learner around an encoder.

    Args:
        what: the learner, resolved.
        encoder: changed in place, as learners do.
        way: number of classes, where the factory takes one.

    Raises:
        KshotError: it cannot be made, or follows no policy for batch statistics that there is.
    """
    given = {} if way is None else {"way": way}
    with blaming(what.entry):
        learner = _expected(what.entry, what.factory(encoder, **given, **what.options), Learner)
    policies = get_args(BatchStatistics)
    if learner.batch_statistics not in policies:
        raise PluginError(
            f"{what.entry}: its batch_statistics is {learner.batch_statistics!r}; it must be one of "
            f"{', '.join(policies)}"
        )
    return learner


def make_reader(entry: Entry) -> Reader:
    """The reader.

    Raises:
        KshotError: it cannot be made.
    """
    with blaming(entry):
        return _expected(entry, entry.resolve()(), Reader)
