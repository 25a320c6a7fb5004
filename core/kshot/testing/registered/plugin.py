"""All that one plugin brings, entry by entry."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from kshot.errors import KshotError, PluginError, listing, nearest
from kshot.registry import Entry, PluginReport, Registry, load_registry
from kshot.registry.session import SESSION
from kshot.testing.outcomes import Outcome, checked_exceptions, one_line, run_checks
from kshot.testing.registered.building import declared_problems, wanting
from kshot.testing.registered.trying import CHECKS, Workshop, try_entry

NAME, IMPORTS, DECLARATION, BUILDS = "name", "imports", "declaration", "builds"
"""The checks that come before those of the kind: nobody else has the name, the factory is there, takes
what the spec declares, and builds with the options of the trial."""


@dataclass(frozen=True)
class Checked:
    """One entry, and what became of its checks, in their order."""

    entry: Entry
    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> bool:
        """True where any check failed."""
        return any(outcome.result == "failed" for outcome in self.outcomes)


def check_plugin(
    name: str, only: Sequence[str] = (), *, registry: Registry | None = None
) -> Iterator[Checked]:
    """Try everything that a plugin brings, entry by entry.

    Args:
        name: of its entry point or of its distribution; ``kshot`` is the core, ``this process`` what was
            registered by :func:`kshot.register_encoder` and its like.
        only: names of entries; default: all.
        registry: finds them; default: what is installed.

    Raises:
        PluginError: the plugin is refused.
        KshotError: there is no such plugin, or it brings no such entry.
    """
    found = registry or load_registry()
    for entry in entries_of(name, found, only):
        yield check_entry(entry, found)


def imports_of(name: str, only: Sequence[str] = (), *, registry: Registry | None = None) -> Iterator[Checked]:
    """Import the factory of everything that a plugin brings, and look at the options that are declared.

    Arguments and errors as those of :func:`check_plugin`.
    """
    found = registry or load_registry()
    for entry in entries_of(name, found, only):
        yield Checked(entry, import_outcomes(entry, found))


def check_entry(entry: Entry, registry: Registry) -> Checked:
    """Try one entry; nothing that it does stops others."""
    outcomes = import_outcomes(entry, registry)
    if any(outcome.result == "failed" for outcome in outcomes):
        return Checked(entry, outcomes)
    reason = wanting(entry)
    if reason:
        return Checked(entry, [*outcomes, *(Outcome(one, "excepted", reason) for one in CHECKS[entry.kind])])
    return Checked(entry, [*outcomes, *_tried(entry, registry)])


def import_outcomes(entry: Entry, registry: Registry) -> list[Outcome]:
    """Whether the name is the plugin's alone, the factory is there, and takes what the spec says."""
    reason = wanting(entry)
    try:
        registry.find(entry.kind, entry.name)
    except KshotError as error:
        return [Outcome(NAME, "failed", one_line(error))]
    try:
        entry.resolve()
        problems = [*declared_problems(entry), *_exception_problems(entry)]
    except KshotError as error:
        # An extra's module may be imported with the factory's own.
        failure = Outcome(IMPORTS, "excepted" if reason else "failed", reason or one_line(error))
        return [Outcome(NAME, "passed"), failure]
    declared = (
        Outcome(DECLARATION, "failed", "; ".join(problems)) if problems else Outcome(DECLARATION, "passed")
    )
    return [Outcome(NAME, "passed"), Outcome(IMPORTS, "passed"), declared]


def entries_of(name: str, registry: Registry, only: Sequence[str] = ()) -> list[Entry]:
    """What a plugin, or ``this process``, brings; see :func:`check_plugin`."""
    plugin = None if name == SESSION else _plugin(name, registry)
    every = registry.brought_by(plugin.name if plugin else SESSION)
    known = [entry.name for entry in every]
    for one in only:
        if one not in known:
            raise KshotError(
                f"{plugin} brings no '{one}'{nearest(one, known)}; it brings {listing(known, 40)}"
            )
    return [entry for entry in every if not only or entry.name in only]


def _plugin(name: str, registry: Registry) -> PluginReport:
    found = [
        plugin
        for plugin in registry.plugins
        if name == plugin.name or canonicalize_name(name) == canonicalize_name(plugin.distribution)
    ]
    if not found:
        known = sorted({label for one in registry.plugins for label in (one.name, one.distribution)})
        raise KshotError(
            f"no plugin '{name}' is installed{nearest(name, known)}; there are {listing(known, 40)}"
        )
    plugin = found[0]
    if plugin.error is not None:
        raise PluginError(f"{plugin} is refused: {plugin.error}")
    if plugin.excluded is not None:
        raise KshotError(f"{plugin} is left out by the environment variable {plugin.excluded}")
    return plugin


def _tried(entry: Entry, registry: Registry) -> list[Outcome]:
    # What a factory prints or warns of must not mix with a report, which may be JSON.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings(), Workshop(registry) as workshop:
        warnings.simplefilter("ignore")
        try:
            tried = try_entry(entry, workshop)
        except (AssertionError, KshotError) as error:
            return [Outcome(BUILDS, "failed", one_line(error))]
        except (Exception, SystemExit) as error:
            return [Outcome(BUILDS, "failed", f"raised {type(error).__name__}: {one_line(error)}")]
        outcomes = run_checks(tried.checks, *tried.arguments, exceptions=entry.spec.trial.exceptions)
        return [Outcome(BUILDS, "passed"), *outcomes]


def _exception_problems(entry: Entry) -> list[str]:
    try:
        checked_exceptions(entry.spec.trial.exceptions, CHECKS[entry.kind])
    except ValueError as error:
        return [f"trial.exceptions: {error}"]
    return []
