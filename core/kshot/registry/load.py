"""Loading plugins one by one, each failure kept with its plugin."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

import pluggy

import kshot
from kshot import hookspecs
from kshot.hookspecs import HookDeprecation
from kshot.registry.book import Registry
from kshot.registry.compatibility import api_of, check_requirement
from kshot.registry.discovery import Candidate, choose, discover, refuse_duplicates, unknown_choices
from kshot.registry.entry import Entry
from kshot.registry.hooks import check_implementations, collect_specs
from kshot.registry.report import ASKED, PluginReport, RefusalError, reason
from kshot.registry.session import session_entries
from kshot.specs import Spec

CORE = "kshot"

log = logging.getLogger("kshot")

# Named by string, as every plugin is: the registry knows no spec of the core's beforehand.
_BUILTIN = "kshot.builtin"


def load_registry(environment: Mapping[str, str] | None = None) -> Registry:
    """Find and load every installed plugin, the core's own specs, and what this process registered.

    Args:
        environment: read instead of the process's own; see
            :func:`kshot.registry.discovery.choose` for the variables.
    """
    registry = load_plugins(environment, session_entries())
    for note in registry.notes:
        _tell(note)
    return registry


@cache
def _tell(note: str) -> None:
    """Once a process, though many commands load the registry again."""
    log.warning("%s", note)


def load_plugins(environment: Mapping[str, str] | None = None, registered: Iterable[Entry] = ()) -> Registry:
    """The same, with other entries than the process's own beside the plugins'."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    core = Candidate(CORE, _BUILTIN, CORE, kshot.__version__)
    variables = os.environ if environment is None else environment
    discovered = discover()
    candidates = [core, *refuse_duplicates(choose(discovered, variables), CORE)]
    reports: list[PluginReport] = []
    entries: list[Entry] = [*registered]
    notes = [*unknown_choices([core, *discovered], variables)]
    for candidate in candidates:
        with _deprecations() as deprecated:
            report, specs = _load(manager, candidate)
        reports.append(report)
        if report.usable:
            entries.extend(_entries(candidate, specs))
            notes.extend(f"{report}: {text}" for text in deprecated)
    return Registry(manager, reports, entries, notes)


@contextlib.contextmanager
def _deprecations() -> Generator[list[str]]:
    """What pluggy says of hooks and arguments that are about to go: Python itself shows such warnings to few."""
    said: list[str] = []
    show = warnings.showwarning

    def keep(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, HookDeprecation):
            said.append(str(message))
        else:
            show(message, category, *rest, **named)

    with warnings.catch_warnings():
        warnings.simplefilter("always", HookDeprecation)
        warnings.showwarning = keep
        yield said


def _load(manager: pluggy.PluginManager, candidate: Candidate) -> tuple[PluginReport, dict[str, list[Spec]]]:
    """Load one plugin; whatever it raises becomes its report's error."""
    specs: dict[str, list[Spec]] = {}
    report = PluginReport(candidate.name, candidate.distribution, candidate.version, candidate.module)
    if candidate.excluded:
        return replace(report, excluded=candidate.excluded), specs
    started = time.perf_counter()
    try:
        if candidate.problem:
            raise RefusalError(candidate.problem)
        check_requirement(candidate)
        module = _imported(candidate)
        report = replace(report, api=api_of(module))
        _register(manager, candidate.name, module, specs)
    except Exception as error:
        report = replace(report, error=reason(error))
    names = {kind: tuple(sorted(spec.name for spec in some)) for kind, some in specs.items()}
    return replace(report, specs=names, seconds=time.perf_counter() - started), specs


def _imported(candidate: Candidate) -> ModuleType:
    if not all(part.isidentifier() for part in candidate.module.split(".")):
        raise RefusalError(f"its entry point '{candidate.module}' must name a module, as 'package.plugin'")
    try:
        # What a plugin prints must not mix with a command's own output, which may be JSON.
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(candidate.module)
    except ASKED:
        raise
    except BaseException as error:
        raise RefusalError(f"importing {candidate.module} failed: {reason(error)}") from error


def _register(
    manager: pluggy.PluginManager, name: str, module: ModuleType, specs: dict[str, list[Spec]]
) -> None:
    """Register a module and collect what it brings into ``specs``, or leave no trace of it."""
    earlier = manager.get_name(module)
    if earlier is not None:
        raise RefusalError(f"its module {module.__name__} is registered already, as plugin '{earlier}'")
    try:
        manager.register(module, name)
        collect_specs(manager, module, specs)
        check_implementations(manager, module)
    except Exception:
        # A failed register may leave some of the plugin's hooks behind.
        if manager.get_plugin(name) is module:
            manager.unregister(name=name)
        raise


def _entries(candidate: Candidate, specs: Mapping[str, list[Spec]]) -> list[Entry]:
    return [
        Entry(kind, spec, candidate.name, candidate.distribution, candidate.version)
        for kind, some in specs.items()
        for spec in some
    ]
