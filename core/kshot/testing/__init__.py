"""For those who test with kshot: conformance checks, and tiny separable sources to run them on.

``ENCODER_CHECKS``, ``LEARNER_CHECKS``, ``SOURCE_CHECKS``, ``METRIC_CHECKS`` and ``READER_CHECKS`` are plain
functions by name; ``EncoderConformance`` and its like are the same as classes for pytest;
``PluginConformance`` and ``check_plugin`` go through all that a plugin registers.
"""

from kshot.testing.conformance import (
    EncoderConformance,
    LearnerConformance,
    MetricConformance,
    ReaderConformance,
    SourceConformance,
)
from kshot.testing.encoders import ENCODER_CHECKS
from kshot.testing.learners import LEARNER_CHECKS
from kshot.testing.making import LearnerFactory, learner_factory
from kshot.testing.metrics import METRIC_CHECKS
from kshot.testing.outcomes import DeclaredExceptionError, Outcome, run_checks
from kshot.testing.plugin_conformance import PluginConformance
from kshot.testing.readers import READER_CHECKS
from kshot.testing.registered import Checked, check_plugin, imports_of, registered_subject
from kshot.testing.sources import SOURCE_CHECKS
from kshot.testing.subject import Subject, subject_from, toy_subject
from kshot.testing.toy import Toy, toy_encoder

__all__ = [
    "ENCODER_CHECKS",
    "LEARNER_CHECKS",
    "METRIC_CHECKS",
    "READER_CHECKS",
    "SOURCE_CHECKS",
    "Checked",
    "DeclaredExceptionError",
    "EncoderConformance",
    "LearnerConformance",
    "LearnerFactory",
    "MetricConformance",
    "Outcome",
    "PluginConformance",
    "ReaderConformance",
    "SourceConformance",
    "Subject",
    "Toy",
    "check_plugin",
    "imports_of",
    "learner_factory",
    "registered_subject",
    "run_checks",
    "subject_from",
    "toy_encoder",
    "toy_subject",
]
