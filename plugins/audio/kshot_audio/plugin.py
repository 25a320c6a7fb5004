"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import EncoderSpec, SourceSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    return ()


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    return ()
