"""The checks that apply to a registered entry, and what they are called with."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

from kshot.errors import KshotError, PluginError
from kshot.interfaces import Encoder, Source
from kshot.registry import Entry, Registry, load_registry
from kshot.specs import SourceSpec
from kshot.testing.encoders import ENCODER_CHECKS
from kshot.testing.expectations import expect
from kshot.testing.learners import LEARNER_CHECKS
from kshot.testing.making import learner_factory
from kshot.testing.metrics import METRIC_CHECKS
from kshot.testing.outcomes import Check
from kshot.testing.readers import READER_CHECKS
from kshot.testing.registered.building import built, trial_options
from kshot.testing.sources import SOURCE_CHECKS
from kshot.testing.subject import Subject, subject_from, toy_subject

CHECKS: Mapping[str, Mapping[str, Check]] = {
    "encoders": ENCODER_CHECKS,
    "learners": LEARNER_CHECKS,
    "sources": SOURCE_CHECKS,
    "metrics": METRIC_CHECKS,
    "readers": READER_CHECKS,
}
"""Kind → name → check."""


@dataclass(frozen=True)
class Tried:
    """An entry, ready to be checked.

    Attributes:
        checks: by name.
        arguments: what each is called with.
    """

    checks: Mapping[str, Check]
    arguments: tuple[Any, ...]


@final
@dataclass(frozen=True)
class Workshop:
    """Where entries are built: their files lie in folders that go with it.

    Used in a ``with`` block.

    Attributes:
        registry: finds tiny sources and learners' encoders.
    """

    registry: Registry
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *exception: object) -> None:
        """See :meth:`close`."""
        self.close()

    def close(self) -> None:
        """Remove the folders."""
        self._stack.close()

    def options(self, entry: Entry) -> dict[str, Any]:
        """See :func:`trial_options`."""
        return trial_options(entry, self._folder())

    def maker(self, entry: Entry) -> Callable[[], Any]:
        """A way to build the entry."""
        return built(entry, self.options(entry))

    def _folder(self) -> Path:
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="kshot-trial-")))


def try_entry(entry: Entry, workshop: Workshop) -> Tried:
    """The checks of the entry's kind, and what they are called with.

    Raises:
        KshotError: it cannot be built.
    """
    return Tried(CHECKS[entry.kind], _ARGUMENTS[entry.kind](entry, workshop))


def tiny_source(modality: str, registry: Registry, plugin: str = "") -> Entry:
    """The tiny separable source of a modality.

    Args:
        modality: such as ``image``.
        registry: finds it.
        plugin: whose own is taken, where it has one.

    Raises:
        PluginError: nobody brings one.
    """
    found = [
        entry
        for entry in registry.entries("sources")
        if isinstance(entry.spec, SourceSpec) and entry.spec.tiny and entry.modality == modality
    ]
    if not found:
        raise PluginError(
            f"no installed plugin brings a tiny source of the modality '{modality}' to try it on; mark one by "
            "SourceSpec(…, tiny=True)"
        )
    return min(found, key=lambda entry: (entry.plugin != plugin, entry.name))


def registered_subject(name: str, registry: Registry | None = None, **options: Any) -> Subject:
    """A registered encoder on the tiny source of its modality.

    Args:
        name: of the encoder.
        registry: finds it; default: what is installed.
        options: given to it beside those of its spec's trial.

    Raises:
        KshotError: it is not registered, its options do not fit, or nobody brings a tiny source.
    """
    found = registry or load_registry()
    workshop = Workshop(found)
    atexit.register(workshop.close)  # the subject builds its encoder again and again
    return _encoder(found.find("encoders", name), workshop, options)[0]


def _encoder(entry: Entry, workshop: Workshop, options: Mapping[str, Any] | None = None) -> tuple[Subject]:
    build = built(entry, {**workshop.options(entry), **(options or {})})
    _expect_modality(entry, build())
    source, name = _tiny(entry, workshop), f"the tiny source of {entry.modality}"
    return (subject_from(source, build, name, classes=8, examples=8),)


def _learner(entry: Entry, workshop: Workshop) -> tuple[Any, ...]:
    trial = entry.spec.trial
    options = workshop.options(entry)
    built(entry, options)  # checks them
    make = learner_factory(entry.resolve(), **options)
    if not trial.encoder:
        return make, toy_subject()
    return make, *_encoder(workshop.registry.find("encoders", trial.encoder), workshop)


def _source(entry: Entry, workshop: Workshop) -> tuple[Any, ...]:
    make = workshop.maker(entry)
    _expect_modality(entry, make())
    return (make,)


def _metric(entry: Entry, workshop: Workshop) -> tuple[Any, ...]:
    del workshop
    return (entry.resolve(),)


def _reader(entry: Entry, workshop: Workshop) -> tuple[Any, ...]:
    if entry.name != entry.modality:
        raise KshotError(f"{entry} is for {entry.modality}: a reader's name is its modality's")
    return workshop.maker(entry), _tiny(entry, workshop)


_ARGUMENTS: Mapping[str, Callable[[Entry, Workshop], tuple[Any, ...]]] = {
    "encoders": _encoder,
    "learners": _learner,
    "sources": _source,
    "metrics": _metric,
    "readers": _reader,
}


def _tiny(entry: Entry, workshop: Workshop) -> Source:
    return workshop.maker(tiny_source(entry.modality, workshop.registry, entry.plugin))()


def _expect_modality(entry: Entry, made: Encoder | Source) -> None:
    own = getattr(made, "modality", None)
    mend = "let both say the same"
    expect(
        own == entry.modality,
        type(made).__name__,
        f"modality is {own!r}, its spec's {entry.modality!r}",
        mend,
    )
