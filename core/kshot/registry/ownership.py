"""Whose a module is: somebody's own, whose code may change from run to run, or an installed package's."""

from __future__ import annotations

import functools
import site
import sys
import sysconfig
from pathlib import Path

_SHARED = {"site-packages", "dist-packages"}
"""Folders of installed packages, those of another environment that this one sees, too."""


def is_own(module: str) -> bool:
    """True for a notebook, a script, and a module that lies where its author works on it.

    A plugin installed with ``pip install -e`` is somebody's own, kshot's plugins in a checkout among them.
    The core never is: it is known by its version, as is the loop that trains and tests.
    """
    if module.partition(".")[0] in (*sys.builtin_module_names, "kshot"):
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return module == "__main__" or file is None or not _is_installed(file)


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Folders of what is installed."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(place).resolve() for place in [*places, site.getusersitepackages()])


@functools.cache
def _is_installed(file: str) -> bool:
    path = Path(file).resolve()
    return bool(_SHARED & set(path.parts)) or any(path.is_relative_to(place) for place in _installed())
