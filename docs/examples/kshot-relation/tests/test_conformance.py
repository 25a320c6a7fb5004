"""The contract of every learner with options that are not the defaults."""

from __future__ import annotations

from kshot.testing import LearnerConformance, learner_factory, toy_subject
from kshot_relation.learner import RelationNetwork


class TestMeanOfMaps(LearnerConformance):
    """The toy's eight numbers read as two maps of 2×2."""

    make = learner_factory(RelationNetwork, channels=2, hidden=8, aggregate="mean")
    subject = toy_subject()
