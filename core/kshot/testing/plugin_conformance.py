"""All that a plugin registers as one class for pytest to collect."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from unittest import SkipTest

from kshot.registry import Entry, load_registry
from kshot.testing.registered import Checked, check_entry, entries_of


class PluginConformance:
    """Every entry of a plugin as a method ``test_<kind>_<name>``, which runs all checks of its kind.

    A whole test suite is::

        class TestPlugin(PluginConformance):
            plugin = "kshot-mine"

    A check that cannot hold is excepted, with the reason, in the ``trial`` of the entry's spec and
    nowhere else; what the entry needs and this machine lacks skips it.

    Attributes:
        plugin: its entry point or its distribution, installed.
        only: names of entries; default: all.
    """

    plugin: ClassVar[str]
    only: ClassVar[Sequence[str]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        registry = load_registry()
        for entry in entries_of(cls.plugin, registry, cls.only):
            name = f"test_{entry.kind}_{entry.name}".replace("-", "_").replace("+", "p")
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__} overrides {name}; except a check, with the reason, in the trial of the "
                    "entry's spec instead"
                )
            setattr(cls, name, _method(entry, functools.partial(check_entry, entry, registry)))


def _method(entry: Entry, run: Callable[[], Checked]) -> Callable[[Any], None]:
    def test(self: PluginConformance) -> None:
        del self
        checked = run()
        failed = [f"{one.name}: {one.reason}" for one in checked.outcomes if one.result == "failed"]
        if failed:
            raise AssertionError("\n".join([f"{entry}:", *failed]))
        wanting = {one.reason for one in checked.outcomes if one.result == "excepted"}
        if not any(one.result == "passed" for one in checked.outcomes):
            raise SkipTest("; ".join(sorted(wanting)))

    test.__doc__ = f"{entry} keeps the contracts of its kind."
    return test
