"""What every encoder must do, checked on any of them.

Each check is a plain function ``check(subject)``; see :mod:`kshot.testing.learners` for what it
raises.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kshot.testing.encoders.conduct import (
    check_augment,
    check_determinism,
    check_round_trip,
)
from kshot.testing.encoders.embeddings import check_companions, check_padding, check_shapes
from kshot.testing.encoders.gradients import (
    check_gradients,
    check_groups,
    check_second_order,
    check_vmap,
)
from kshot.testing.encoders.hostile import check_hostile
from kshot.testing.encoders.moving import check_device, check_dtype, check_functional_call
from kshot.testing.subject import Subject

ENCODER_CHECKS: Mapping[str, Callable[[Subject], None]] = MappingProxyType(
    {
        "shapes": check_shapes,
        "dtype": check_dtype,
        "device": check_device,
        "companions": check_companions,
        "padding": check_padding,
        "determinism": check_determinism,
        "augment": check_augment,
        "hostile": check_hostile,
        "round_trip": check_round_trip,
        "groups": check_groups,
        "gradients": check_gradients,
        "functional_call": check_functional_call,
        "second_order": check_second_order,
        "vmap": check_vmap,
    }
)
"""Name → check, in the order in which a report shows them."""

__all__ = [
    "ENCODER_CHECKS",
    "check_augment",
    "check_companions",
    "check_determinism",
    "check_device",
    "check_dtype",
    "check_functional_call",
    "check_gradients",
    "check_groups",
    "check_hostile",
    "check_padding",
    "check_round_trip",
    "check_second_order",
    "check_shapes",
    "check_vmap",
]
