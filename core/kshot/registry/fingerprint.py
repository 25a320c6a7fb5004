"""A hash of what a class or function of somebody's own does, so that two versions of it are told apart.

In it are: the instructions, constants and names of its functions and methods, their defaults and what
they close over, plain class attributes, and, likewise, the bases, helper functions, helper classes and
plain global values that they name, as far as these are somebody's own: of a notebook, a script, or a module that no
installed package brings. Not in it: comments, layout, docstrings, the content of arrays and other objects,
and installed libraries, whose versions a run notes beside it. Python's version is in it, as instructions depend on it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import site
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_METHODS = (types.FunctionType, staticmethod, classmethod, property)


def code_hash(thing: object) -> str:
    """Twelve hexadecimal digits for a class, function, or partial call of one."""
    walk = _Walk()
    walk.add(thing)
    return walk.digest.hexdigest()[:12]


@final
class _Walk:
    """Goes through what a thing is made of, each part once."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
        # The things themselves beside their numbers: an id says nothing once its thing is gone.
        self._seen: dict[int, tuple[int, object]] = {}
        self._inside: set[int] = set()

    def add(self, *things: object) -> None:
        for thing in things:
            if isinstance(thing, _PLAIN):
                self._note(f"{type(thing).__name__} {thing!r}")
            elif isinstance(thing, tuple | list | dict | set | frozenset):
                self._values(thing)
            elif id(thing) in self._seen:
                self._note(f"part {self._seen[id(thing)][0]}")
            else:
                self._seen[id(thing)] = len(self._seen), thing
                self._part(thing)

    def _values(self, things: Any) -> None:
        """Values, which a compiler may or may not make one of: told by content, not by identity."""
        self._note(f"{type(things).__name__} {len(things)}")
        if id(things) in self._inside:
            return
        self._inside.add(id(things))
        if isinstance(things, set | frozenset):  # their order changes from process to process
            self._note(f"{sorted(map(repr, things))}")
        elif isinstance(things, dict):
            self.add(*(part for item in things.items() for part in item))
        else:
            self.add(*things)
        self._inside.remove(id(things))

    def _part(self, thing: Any) -> None:
        if isinstance(thing, functools.partial):
            self.add(thing.func, thing.args, thing.keywords)
        elif isinstance(thing, staticmethod | classmethod):
            self.add(thing.__func__)
        elif isinstance(thing, property):
            self.add(thing.fget, thing.fset, thing.fdel)
        elif isinstance(thing, types.CodeType):
            self._note(f"code {thing.co_code.hex()} {thing.co_names} {thing.co_freevars}")
            self.add(*_constants(thing))
        elif isinstance(thing, types.ModuleType):
            self._note(f"module {thing.__name__}")
        elif not (inspect.isfunction(thing) or inspect.isclass(thing)):
            self._note(f"a {type(thing).__qualname__}")
        elif not _is_own(thing):
            self._note(f"{thing.__module__}.{thing.__qualname__}")
        elif inspect.isfunction(thing):
            self._function(thing)
        else:
            self._class(thing)

    def _function(self, function: types.FunctionType) -> None:
        self.add(function.__code__, function.__defaults__, function.__kwdefaults__)
        self.add(*(_content(cell) for cell in function.__closure__ or ()))
        for name in sorted(set(_names(function.__code__))):
            if name in function.__globals__:
                self._note(f"global {name}")
                self.add(function.__globals__[name])

    def _class(self, own: type) -> None:
        self._note(f"class {own.__qualname__}")
        self.add(*own.__bases__)
        for name, value in sorted(vars(own).items()):
            # What Python itself notes on a class differs between processes.
            if isinstance(value, _METHODS) or not name.startswith("__"):
                self._note(f"attribute {name}")
                self.add(value)

    def _note(self, text: str) -> None:
        self.digest.update(f"{text}\n".encode())


def _constants(code: types.CodeType) -> tuple[object, ...]:
    """A code's constants without its docstring, which stands first."""
    documented = bool(code.co_flags & inspect.CO_OPTIMIZED)
    if sys.version_info >= (3, 13):
        documented = bool(code.co_flags & inspect.CO_HAS_DOCSTRING)
    return code.co_consts[1:] if documented else code.co_consts


def _names(code: types.CodeType) -> Iterator[str]:
    """Names that a code, and all code in it, may look up among globals."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


@functools.cache
def _installed() -> tuple[Path, ...]:
    """Folders of what is installed."""
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(place).resolve() for place in [*places, site.getusersitepackages()])


@functools.cache
def _is_installed(file: str) -> bool:
    return any(Path(file).resolve().is_relative_to(place) for place in _installed())


def _is_own(thing: Any) -> bool:
    name = thing.__module__ or ""
    if name.partition(".")[0] in (*sys.builtin_module_names, "kshot"):
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    return name == "__main__" or file is None or not _is_installed(file)
