"""kshot: few-shot learning for images, speech and text."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kshot.classifier import FewShotClassifier as FewShotClassifier
    from kshot.hookspecs import hookimpl as hookimpl
    from kshot.registry import register_encoder as register_encoder
    from kshot.registry import register_learner as register_learner
    from kshot.registry import register_metric as register_metric
    from kshot.registry import register_reader as register_reader
    from kshot.registry import register_source as register_source
    from kshot.specs import KSHOT_API as KSHOT_API
    from kshot.specs import EncoderSpec as EncoderSpec
    from kshot.specs import LearnerSpec as LearnerSpec
    from kshot.specs import MetricSpec as MetricSpec
    from kshot.specs import ReaderSpec as ReaderSpec
    from kshot.specs import SourceSpec as SourceSpec
    from kshot.specs import Trial as Trial

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

_HOMES = {
    "kshot.classifier": ("FewShotClassifier",),
    "kshot.hookspecs": ("hookimpl",),
    "kshot.registry": (
        "register_encoder",
        "register_learner",
        "register_metric",
        "register_reader",
        "register_source",
    ),
    "kshot.specs": (
        "KSHOT_API",
        "EncoderSpec",
        "LearnerSpec",
        "MetricSpec",
        "ReaderSpec",
        "SourceSpec",
        "Trial",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Each name comes from its home when it is asked for: the classifier needs torch, the registry the
    # plugins, and who asks for help or the version needs none of them.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'kshot' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
