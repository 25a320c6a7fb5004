"""The core's own specs, registered through the hooks that anybody's plugin uses."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.hookspecs import hookimpl
from kshot.specs import LearnerSpec, MetricSpec

KSHOT_API = 1


@hookimpl
def kshot_learners() -> Sequence[LearnerSpec]:
    """The core's learners."""
    return (
        LearnerSpec(
            name="prototypical",
            summary="a class is the mean of its support embeddings",
            factory="kshot.learners.prototypical:Prototypical",
            paper="Snell, Swersky, Zemel 2017, arXiv:1703.05175",
        ),
    )


@hookimpl
def kshot_metrics() -> Sequence[MetricSpec]:
    """The core's metrics."""
    return (
        MetricSpec(
            name="accuracy",
            summary="share of the queries classified rightly, ties counted by their share",
            factory="kshot.metrics:accuracy",
        ),
        MetricSpec(
            name="cross_entropy",
            summary="mean cross-entropy of the queries, in nats",
            factory="kshot.metrics:cross_entropy",
        ),
    )
