"""The core's own encoders, and what encoders of several modalities have in common."""

from kshot.encoders.dual import DualTower, is_dual
from kshot.encoders.embedded import Embedded
from kshot.encoders.hub import HubEncoder, without_dropout
from kshot.encoders.joint import Joint
from kshot.encoders.probing import take_part
from kshot.encoders.projected import Projected
from kshot.encoders.tuned import Tuned, select_trainable, tune

__all__ = [
    "DualTower",
    "Embedded",
    "HubEncoder",
    "Joint",
    "Projected",
    "Tuned",
    "is_dual",
    "select_trainable",
    "take_part",
    "tune",
    "without_dropout",
]
