"""The core's own encoders."""

from kshot.encoders.embedded import Embedded

__all__ = ["Embedded"]
