"""What a run was asked to do, kept beside its results so that it can be asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from kshot.benchmark.plan import Part, Plan
from kshot.config import Configuration
from kshot.files import write_atomic

CONFIGURATION: Final = "config.yaml"
"""Name of the file, in a benchmark's folder."""


def keep_configuration(configuration: Configuration, folder: Path) -> dict[str, Any]:
    """Write the configuration with every default as ``config.yaml``, and return the same as a dict.

    Raises:
        KshotError: the folder cannot be written.
    """
    described = configuration.model_dump(mode="json")
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    write_atomic(folder / CONFIGURATION, text.encode("utf-8", "backslashreplace"))
    return described


def uses(plan: Plan) -> dict[str, dict[str, str]]:
    """The registered name behind the id of each learner, encoder and source."""

    def names(parts: list[Part]) -> dict[str, str]:
        return {part.id: part.entry.spec.name for part in parts}

    return {
        "learners": names([cell.learner for cell in plan.cells]),
        "encoders": names([cell.encoder for cell in plan.cells]),
        "sources": names([cell.source for cell in plan.cells]),
    }
