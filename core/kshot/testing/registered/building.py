"""A registered entry built as its spec says that it is to be tried."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kshot.errors import ConfigurationError, KshotError, PluginError
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot.registry import Entry
from kshot.specs import SourceSpec

RESERVED: Mapping[str, tuple[str, ...]] = {"learners": ("encoder", "way"), "metrics": ("logits", "labels")}
"""Arguments that a run gives, and no configuration."""


def wanting(entry: Entry) -> str:
    """Why an entry cannot be tried here; empty where it can."""
    trial = entry.spec.trial
    if trial.needs:
        return f"needs {trial.needs}"
    missing = [name for name in trial.modules if not _installed(name)]
    return f"needs {', '.join(missing)}, not installed here" if missing else ""


def trial_options(entry: Entry, folder: Path) -> dict[str, Any]:
    """What its spec's trial gives the factory.

    Args:
        entry: what is tried.
        folder: empty, for the files that it may need.

    Raises:
        PluginError: the function that makes them is not there.
    """
    options = entry.spec.trial.options
    if not isinstance(options, str):
        return dict(options)
    module, _, name = options.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"{entry}: trial options '{options}': {error}") from error
    return dict(make(folder))


def declared_problems(entry: Entry) -> list[str]:
    """What is wrong with the options and the published splits that a spec declares."""
    known = OptionsOf(entry.resolve(), reserved=RESERVED.get(entry.kind, ()))
    spec, trial = entry.spec, entry.spec.trial
    fixed = {} if isinstance(trial.options, str) else dict(trial.options)
    if not isinstance(spec, SourceSpec):
        return [one for one in known.problems(fixed, "trial.options") if ": is missing" not in one]
    given = {**spec.options, **fixed}
    problems = known.problems(_without_name(spec, given), "options")
    for name, split in spec.splits.items():
        problems += known.problems({**_without_name(spec, given), "split": split}, f"splits.{name}")
    # Where a data set lies is its user's to say.
    return list(dict.fromkeys(one for one in problems if ": is missing" not in one))


def built(entry: Entry, options: Mapping[str, Any]) -> Callable[[], Any]:
    """A way to build it, its options checked.

    Raises:
        KshotError: they do not fit the factory.
    """
    factory = entry.resolve()
    known = OptionsOf(factory, reserved=RESERVED.get(entry.kind, ()))
    try:
        resolved = known.resolve(given_options(entry.spec, options, None), "trial.options")
    except ConfigurationError as error:
        reasons = "; ".join(error.problems)
        raise KshotError(f"{reasons}; say in the spec's trial which options it is tried with") from error
    return lambda: factory(**resolved.arguments)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package that it lies in is not there
        return False


def _without_name(spec: SourceSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """A published split's name replaced by what it stands for."""
    given = dict(options)
    name: Any = given.get("split")
    return {**given, "split": spec.splits[name]} if isinstance(name, str) and name in spec.splits else given
