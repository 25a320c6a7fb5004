"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import LearnerSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_learners() -> Sequence[LearnerSpec]:
    """The plugin's learner."""
    return (
        LearnerSpec(
            name="relation",
            summary="a network that learns how alike a query and a class are, trained on relation scores",
            factory="kshot_relation.learner:RelationNetwork",
            paper="Sung, Yang, Zhang, Xiang, Torr, Hospedales 2018, arXiv:1711.06025",
        ),
    )
