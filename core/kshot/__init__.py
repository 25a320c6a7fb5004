"""kshot: few-shot learning for images, speech and text."""

from __future__ import annotations

from kshot.hookspecs import hookimpl
from kshot.specs import KSHOT_API, EncoderSpec, LearnerSpec, MetricSpec, SourceSpec

__version__ = "0.1.0"

__all__ = [
    "KSHOT_API",
    "EncoderSpec",
    "LearnerSpec",
    "MetricSpec",
    "SourceSpec",
    "__version__",
    "hookimpl",
]
