"""A configuration read from its files, and ``--set`` applied to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kshot.config.including import assembled
from kshot.config.overriding import override
from kshot.errors import ConfigurationError


def read(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML file with all that it includes, then apply ``key.path=value`` overrides.

    Nothing is checked but the form. Which file a value came from is forgotten: what a
    configuration means, and what is recorded of it, depends on the values alone.

    Raises:
        ConfigurationError: no such file, not YAML, files that include each other in a circle, or
            an override that fits nowhere.
    """
    raw, problems = assembled(path)
    if problems:
        raise ConfigurationError(str(path), problems)
    problems = [problem for given in overrides if (problem := override(raw, given))]
    if problems:
        raise ConfigurationError(f"{path} with --set", problems)
    return raw
