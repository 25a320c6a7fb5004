"""kshot: few-shot learning for images, speech and text."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kshot.hookspecs import hookimpl
from kshot.specs import KSHOT_API, EncoderSpec, LearnerSpec, MetricSpec, ReaderSpec, SourceSpec, Trial

if TYPE_CHECKING:
    from kshot.classifier import FewShotClassifier as FewShotClassifier
    from kshot.registry import register_encoder as register_encoder
    from kshot.registry import register_learner as register_learner
    from kshot.registry import register_metric as register_metric
    from kshot.registry import register_reader as register_reader
    from kshot.registry import register_source as register_source

__version__ = "0.1.0"

__all__ = [
    "KSHOT_API",
    "EncoderSpec",
    "FewShotClassifier",
    "LearnerSpec",
    "MetricSpec",
    "ReaderSpec",
    "SourceSpec",
    "Trial",
    "__version__",
    "hookimpl",
    "register_encoder",
    "register_learner",
    "register_metric",
    "register_reader",
    "register_source",
]

_LATE = {
    "FewShotClassifier": "kshot.classifier",
    **dict.fromkeys(("register_encoder", "register_learner"), "kshot.registry"),
    **dict.fromkeys(("register_metric", "register_reader", "register_source"), "kshot.registry"),
}


def __getattr__(name: str) -> Any:
    # The classifier needs torch, and the registry the plugins; whoever only declares specs or asks for
    # help needs neither.
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module 'kshot' has no attribute '{name}'")
