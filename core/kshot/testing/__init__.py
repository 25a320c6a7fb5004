"""For those who test with kshot: conformance checks, and a tiny separable source to run them on.

``LEARNER_CHECKS`` and ``ENCODER_CHECKS`` are plain functions by name; ``LearnerConformance`` and
``EncoderConformance`` are the same as classes for pytest.
"""

from kshot.testing.conformance import EncoderConformance, LearnerConformance
from kshot.testing.encoders import ENCODER_CHECKS
from kshot.testing.learners import LEARNER_CHECKS
from kshot.testing.making import LearnerFactory, learner_factory
from kshot.testing.outcomes import Outcome, run_checks
from kshot.testing.subject import Subject, toy_subject
from kshot.testing.toy import Toy, toy_encoder

__all__ = [
    "ENCODER_CHECKS",
    "LEARNER_CHECKS",
    "EncoderConformance",
    "LearnerConformance",
    "LearnerFactory",
    "Outcome",
    "Subject",
    "Toy",
    "learner_factory",
    "run_checks",
    "toy_encoder",
    "toy_subject",
]
