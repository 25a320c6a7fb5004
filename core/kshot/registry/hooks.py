"""What pluggy leaves unchecked: misspelt hooks, unmarked ones, wrong results, nameless errors."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, cast

import pluggy

from kshot.errors import PluginError, nearest
from kshot.hookspecs import PROJECT
from kshot.registry.report import ASKED, RefusalError, reason
from kshot.specs import KINDS, Spec


def known_hooks(manager: pluggy.PluginManager) -> list[str]:
    """Names of all hooks that the core has."""
    callers: dict[str, Any] = vars(manager.hook)
    return sorted(name for name, caller in callers.items() if not name.startswith("_") and caller.has_spec())


def implementations(manager: pluggy.PluginManager, hook: str) -> list[pluggy.HookImpl]:
    """Who implements a hook, by plugin name: the order of registration means nothing."""
    return sorted(getattr(manager.hook, hook).get_hookimpls(), key=lambda one: one.plugin_name)


def check_implementations(manager: pluggy.PluginManager, plugin: object) -> None:
    """Look at the hooks of a plugin that was just registered.

    Raises:
        RefusalError: it implements a hook that does not exist, wraps other plugins' calls,
            has a hook that lacks its mark or would have to be awaited, or implements none at all.
    """
    known = known_hooks(manager)
    callers = manager.get_hookcallers(plugin) or []
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        unknown = sorted(caller.name for caller in callers if not caller.has_spec())
        problems = [f"there is no hook '{name}'{nearest(name, known)}" for name in unknown]
        raise RefusalError("; ".join(problems) or reason(error)) from error
    for caller in callers:
        own = [one for one in caller.get_hookimpls() if one.plugin is plugin]
        if any(one.wrapper or one.hookwrapper for one in own):
            raise RefusalError(
                f"'{caller.name}' is a hook wrapper; no hook gives the order of calls a meaning"
            )
        for one in own:
            _refuse_awaited(one, caller.name)
    if isinstance(plugin, ModuleType):
        _check_marks(plugin, known)
    if not callers:
        raise RefusalError("it implements no hook; mark its functions with @kshot.hookimpl")


def _refuse_awaited(implementation: pluggy.HookImpl, hook: str) -> None:
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise RefusalError(
            f"'{hook}' is an async function, and no hook is awaited; write it with a plain def"
        )


def _check_marks(module: ModuleType, known: list[str]) -> None:
    """Functions that are named like a hook but which pluggy never sees."""
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and name.startswith(f"{PROJECT}_") and not hasattr(value, f"{PROJECT}_impl"):
            hint = "" if name in known else nearest(name, known)
            raise RefusalError(f"function '{name}' is not marked with @kshot.hookimpl{hint}")


def collect_specs(manager: pluggy.PluginManager, plugin: object, into: dict[str, list[Spec]]) -> None:
    """Call the registration hooks of one plugin and add what they return, by kind.

    Raises:
        RefusalError: a hook raised, or returned something else than specs of its kind.
    """
    for kind, wanted in KINDS.items():
        hook = f"{PROJECT}_{kind}"
        for one in implementations(manager, hook):
            if one.plugin is plugin and not (one.wrapper or one.hookwrapper):
                into.setdefault(kind, []).extend(_checked(hook, wanted, _returned(one, hook)))


def _returned(implementation: pluggy.HookImpl, hook: str) -> object:
    _refuse_awaited(implementation, hook)
    # Called by itself, and not through the hook, so that an error has its plugin's name and
    # None is seen, which pluggy drops from the results.
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return implementation.function()
    except ASKED:
        raise
    except BaseException as error:
        raise RefusalError(f"{hook} raised {reason(error)}") from error


def _checked(hook: str, wanted: type[Spec], returned: object) -> list[Spec]:
    expected = f"it must return a list or tuple of {wanted.__name__}"
    if not isinstance(returned, list | tuple):
        raise RefusalError(f"{hook} returned {type(returned).__name__}; {expected}")
    specs: list[Spec] = []
    for item in cast("Sequence[object]", returned):
        if not isinstance(item, wanted):
            raise RefusalError(f"{hook} returned an element of type {type(item).__name__}; {expected}")
        specs.append(item)
    return specs


def notify(
    manager: pluggy.PluginManager, hook: str, arguments: Mapping[str, Any], titles: Mapping[str, str]
) -> None:
    """Call a run-time hook of every plugin and observer, whatever some of them raise.

    Args:
        manager: knows who implements the hook.
        hook: name of the hook.
        arguments: the hook's own, all of them.
        titles: how an error names a plugin, by plugin name.

    Raises:
        PluginError: after all were called, naming each plugin that raised.
        TypeError: there is no such hook, or the arguments are not the hook's.
    """
    caller = getattr(manager.hook, hook, None)
    if caller is None or not caller.has_spec():
        raise TypeError(f"there is no hook '{hook}'{nearest(hook, known_hooks(manager))}")
    if set(arguments) != set(caller.spec.argnames):
        raise TypeError(f"hook '{hook}' takes {sorted(caller.spec.argnames)}, got {sorted(arguments)}")
    failures: list[tuple[str, Exception | SystemExit]] = []
    for one in implementations(manager, hook):
        try:
            one.function(*(arguments[name] for name in one.argnames))
        except (Exception, SystemExit) as error:
            who = titles.get(one.plugin_name) or f"observer {type(one.plugin).__name__}"
            failures.append((f"{who}: {hook} raised {reason(error)}", error))
    if failures:
        raise PluginError("; ".join(text for text, _ in failures)) from failures[0][1]
