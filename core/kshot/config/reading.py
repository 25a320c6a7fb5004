"""A configuration's file read, and ``--set`` applied to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from kshot.config.overriding import override
from kshot.config.text import parse
from kshot.errors import ConfigurationError, nearest


def read(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Read a YAML file and apply ``key.path=value`` overrides; nothing is checked but its form.

    Raises:
        ConfigurationError: no such file, not YAML, or an override that fits nowhere.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise ConfigurationError(str(path), [f"no such file{nearest(path.name, siblings)}"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), [f"cannot be read: {error}"]) from error
    try:
        content = parse(text)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(str(path), [f"not valid YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(content, dict):
        raise ConfigurationError(str(path), ["a configuration is a mapping with keys such as 'sources'"])
    raw = cast("dict[str, Any]", content)
    problems = [problem for given in overrides if (problem := override(raw, given))]
    if problems:
        raise ConfigurationError(f"{path} with --set", problems)
    return raw
