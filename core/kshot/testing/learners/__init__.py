"""What every learner must do, checked on any of them.

Each check is a plain function ``check(make, subject)``: ``make`` builds a learner around an encoder
(see :func:`kshot.testing.learner_factory`), ``subject`` has the encoder and the examples. It
returns where the contract holds, raises ``AssertionError`` where it is broken, naming who, what
and the mend, and ``unittest.SkipTest`` (which pytest shows as skipped) where it does not apply.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kshot.testing.learners.embedded import check_embedded
from kshot.testing.learners.invariance import (
    check_companions,
    check_episodes_apart,
    check_label_equivariance,
    check_support_order,
)
from kshot.testing.learners.learning import check_constant_encoder, check_learns
from kshot.testing.learners.numerics import (
    check_autocast,
    check_gradients,
    check_precision,
    check_without_gradients,
)
from kshot.testing.learners.outputs import check_loss, check_plain_use, check_shapes, check_unbalanced
from kshot.testing.learners.state import check_adapt_changes_nothing, check_round_trip
from kshot.testing.making import LearnerFactory
from kshot.testing.subject import Subject

LEARNER_CHECKS: Mapping[str, Callable[[LearnerFactory, Subject], None]] = MappingProxyType(
    {
        "shapes": check_shapes,
        "unbalanced": check_unbalanced,
        "plain_use": check_plain_use,
        "loss": check_loss,
        "adapt_changes_nothing": check_adapt_changes_nothing,
        "round_trip": check_round_trip,
        "embedded": check_embedded,
        "episodes_apart": check_episodes_apart,
        "companions": check_companions,
        "label_equivariance": check_label_equivariance,
        "support_order": check_support_order,
        "gradients": check_gradients,
        "without_gradients": check_without_gradients,
        "precision": check_precision,
        "autocast": check_autocast,
        "constant_encoder": check_constant_encoder,
        "learns": check_learns,
    }
)
"""Name → check, in the order in which a report shows them."""

__all__ = [
    "LEARNER_CHECKS",
    "check_adapt_changes_nothing",
    "check_autocast",
    "check_companions",
    "check_constant_encoder",
    "check_embedded",
    "check_episodes_apart",
    "check_gradients",
    "check_label_equivariance",
    "check_learns",
    "check_loss",
    "check_plain_use",
    "check_precision",
    "check_round_trip",
    "check_shapes",
    "check_support_order",
    "check_unbalanced",
    "check_without_gradients",
]
