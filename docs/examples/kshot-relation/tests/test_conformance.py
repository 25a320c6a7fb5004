"""The contract of every learner, on vectors and on feature maps."""

from __future__ import annotations

from kshot.testing import LearnerConformance, learner_factory, toy_subject
from kshot_relation.learner import RelationNetwork


class TestVectors(LearnerConformance):
    make = learner_factory(RelationNetwork)
    subject = toy_subject()


class TestMaps(LearnerConformance):
    """The toy's eight numbers read as two maps of 2×2."""

    make = learner_factory(RelationNetwork, channels=2, hidden=8)
    subject = toy_subject()
