"""The JSON Schema of a configuration's file, by which an editor completes and checks it."""

from __future__ import annotations

from typing import Any

from kshot.config.configuration import Configuration
from kshot.config.including import INCLUDE

_FILES = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    "description": "Other files, relative to this one, on top of which this one's keys go.",
}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what :func:`~kshot.config.read` and :func:`~kshot.config.check` take.

    Options of learners, encoders and sources are not in it; they are checked against the plugins'
    factories. A file that includes others need not be complete.
    """
    schema = Configuration.model_json_schema(mode="validation")
    required = schema.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A benchmark of kshot",
        "properties": {INCLUDE: _FILES, **schema["properties"]},
        "if": {"not": {"required": [INCLUDE]}},
        "then": {"required": required},
    }
