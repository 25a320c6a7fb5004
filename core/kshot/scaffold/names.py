"""What a plugin is called: for pip, for Python, for a configuration."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

from kshot.errors import KshotError

PREFIX = "kshot_"

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""A name that pip takes (PEP 508)."""


@dataclass(frozen=True)
class Names:
    """The names that follow from a distribution's.

    Attributes:
        distribution: for pip, such as ``kshot-weather``.
        package: the folder that Python imports, ``kshot_weather``.
        plugin: the entry point, and what a configuration writes: ``weather``.
        class_: of what the plugin brings, ``Weather``.
    """

    distribution: str
    package: str
    plugin: str
    class_: str


def names_of(given: str) -> Names:
    """All names of a distribution.

    Raises:
        KshotError: pip, Python or a configuration would not take one of them, or another module has it.
    """
    if not _DISTRIBUTION.fullmatch(given):
        raise KshotError(
            f"'{given}' is no name for a distribution: letters, digits, '-', '_' and '.', a letter or a digit "
            "at both ends, such as kshot-weather"
        )
    distribution = re.sub(r"[-_.]+", "-", given).lower()
    package = distribution.replace("-", "_")
    plugin = package.removeprefix(PREFIX)
    if not plugin.isidentifier() or keyword.iskeyword(plugin) or plugin == "kshot":
        raise KshotError(
            f"'{given}' would bring '{plugin}', which cannot be written in Python; begin with a letter, and "
            "choose no word of the language, such as kshot-weather"
        )
    if package in sys.stdlib_module_names or importlib.util.find_spec(package) is not None:
        raise KshotError(
            f"'{given}' would be imported as '{package}', and there is such a module already; choose another name"
        )
    return Names(distribution, package, plugin, "".join(word.capitalize() for word in plugin.split("_")))
