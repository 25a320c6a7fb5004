"""kshot: few-shot learning for images, speech and text."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kshot.hookspecs import hookimpl
from kshot.specs import KSHOT_API, EncoderSpec, LearnerSpec, MetricSpec, ReaderSpec, SourceSpec, Trial

if TYPE_CHECKING:
    from kshot.classifier import FewShotClassifier as FewShotClassifier

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
]


def __getattr__(name: str) -> Any:
    # The classifier needs torch; whoever only registers a plugin or asks for help does not.
    if name == "FewShotClassifier":
        return import_module("kshot.classifier").FewShotClassifier
    raise AttributeError(f"module 'kshot' has no attribute '{name}'")
