"""The checks as classes for pytest to collect: a subclass of a few lines is a whole test suite.

For example, in a plugin's tests::

    class TestMine(LearnerConformance):
        make = learner_factory(Mine, steps=3)
        subject = toy_subject()

    class TestMyEncoder(EncoderConformance):
        subject = Subject("series", my_encoder, raw)
        exceptions = {"hostile": "it takes whatever has a length"}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from unittest import SkipTest

from kshot.interfaces import Source
from kshot.testing.encoders import ENCODER_CHECKS
from kshot.testing.learners import LEARNER_CHECKS
from kshot.testing.making import LearnerFactory
from kshot.testing.metrics import METRIC_CHECKS, Metric
from kshot.testing.outcomes import Check, checked_exceptions
from kshot.testing.readers import READER_CHECKS, ReaderFactory
from kshot.testing.sources import SOURCE_CHECKS, SourceFactory
from kshot.testing.subject import Subject


class _Conformance:
    checks: ClassVar[Mapping[str, Check]]
    exceptions: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        standard = {f"test_{name}" for name in getattr(cls, "checks", ())}
        for name in vars(cls):
            if name in standard:
                raise TypeError(
                    f"{cls.__name__} overrides {name}; give the reason why the check cannot hold in "
                    f"exceptions = {{'{name.removeprefix('test_')}': '…'}} instead"
                )
        checked_exceptions(cls.exceptions, getattr(cls, "checks", ()))


class LearnerConformance(_Conformance):
    """Every check of ``LEARNER_CHECKS`` as a method ``test_<name>``; no subclass overrides one.

    Attributes:
        make: builds the learner; see :func:`kshot.testing.learner_factory`.
        subject: what it is tried on.
        exceptions: checks that cannot hold, each with the reason; they are skipped with it.
    """

    checks = LEARNER_CHECKS
    make: ClassVar[LearnerFactory]
    subject: ClassVar[Subject]


class EncoderConformance(_Conformance):
    """Every check of ``ENCODER_CHECKS`` as a method ``test_<name>``; no subclass overrides one.

    Attributes:
        subject: the encoder, and examples for it.
        exceptions: checks that cannot hold, each with the reason; they are skipped with it.
    """

    checks = ENCODER_CHECKS
    subject: ClassVar[Subject]


class SourceConformance(_Conformance):
    """Every check of ``SOURCE_CHECKS`` as a method ``test_<name>``; no subclass overrides one.

    Attributes:
        make: opens the source.
        exceptions: checks that cannot hold, each with the reason; they are skipped with it.
    """

    checks = SOURCE_CHECKS
    make: ClassVar[SourceFactory]


class MetricConformance(_Conformance):
    """Every check of ``METRIC_CHECKS`` as a method ``test_<name>``; no subclass overrides one.

    Attributes:
        metric: what is checked.
        exceptions: checks that cannot hold, each with the reason; they are skipped with it.
    """

    checks = METRIC_CHECKS
    metric: ClassVar[Metric]


class ReaderConformance(_Conformance):
    """Every check of ``READER_CHECKS`` as a method ``test_<name>``; no subclass overrides one.

    Attributes:
        make: builds the reader.
        source: the tiny one of the modality.
        exceptions: checks that cannot hold, each with the reason; they are skipped with it.
    """

    checks = READER_CHECKS
    make: ClassVar[ReaderFactory]
    source: ClassVar[Source]


def _method(name: str, check: Check, arguments: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], None]:
    def test(self: _Conformance) -> None:
        own = type(self)
        if name in own.exceptions:
            raise SkipTest(f"declared exception: {own.exceptions[name]}")
        check(*arguments(own))

    test.__name__ = f"test_{name}"
    test.__doc__ = check.__doc__
    return test


def _fill(base: type[_Conformance], arguments: Callable[[Any], tuple[Any, ...]]) -> None:
    for name, check in base.checks.items():
        setattr(base, f"test_{name}", _method(name, check, arguments))


# Through the class, not an instance: a function that is a class's attribute must not be bound.
_fill(LearnerConformance, lambda own: (own.make, own.subject))
_fill(EncoderConformance, lambda own: (own.subject,))
_fill(SourceConformance, lambda own: (own.make,))
_fill(MetricConformance, lambda own: (own.metric,))
_fill(ReaderConformance, lambda own: (own.make, own.source))
