"""A hash of what a class or function of somebody's own does, so that two versions of it are told apart.

In it are: the instructions, constants and names of its functions and methods, their defaults and what
they close over, plain class attributes, and, likewise, the bases, helper functions, helper classes and
plain global values that they name, by themselves or in a module, as far as these are somebody's own: of a notebook,
a script, or a module that no installed package brings. Caches, partial calls and other decorators of Python's
``functools`` are looked through, and an object stands for its class. Not in it: comments, layout, docstrings, the
content of arrays and other objects, what a function imports when it is called, and installed libraries, whose
versions a run notes beside it. Python's version is in it, as instructions depend on it.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, cast, final

from kshot.registry.ownership import is_own

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_WRAPPERS = (
    staticmethod,
    classmethod,
    functools.partial,
    functools.partialmethod,
    functools.cached_property,
    functools.singledispatchmethod,
    type(functools.cache(len)),
)
_METHODS = (types.FunctionType, property, *_WRAPPERS)

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_DEEP = 40
"""Parts of parts; what lies deeper waits its turn, as Python's own stack is bounded."""


def own_code(factory: object, module: str) -> str:
    """The hash of a factory that a module has, where that is somebody's own; empty where it is installed."""
    return code_hash(factory) if is_own(module) else ""


def code_hash(thing: object) -> str:
    """Twelve hexadecimal digits for a class, function, or partial call of one."""
    walk = _Walk()
    walk.add(thing)
    walk.finish()
    return walk.digest.hexdigest()[:12]


@final
class _Walk:
    """Goes through what a thing is made of, each part once."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
        # The things themselves beside their numbers: an id says nothing once its thing is gone.
        self._seen: dict[int, tuple[int, object]] = {}
        self._inside: set[int] = set()
        self._depth = 0
        self._later: deque[object] = deque()

    def finish(self) -> None:
        """Go through what waits."""
        while self._later:
            self._part(self._later.popleft())

    def add(self, *things: object) -> None:
        for thing in things:
            if isinstance(thing, _PLAIN):
                self._note(f"{type(thing).__name__} {thing!r}")
            elif isinstance(thing, slice):  # a constant, from Python 3.14 on
                self.add("slice", thing.start, thing.stop, thing.step)
            elif isinstance(thing, tuple | list | dict | set | frozenset):
                self._values(thing)
            elif id(thing) in self._seen:
                self._note(f"part {self._seen[id(thing)][0]}")
            else:
                self._seen[id(thing)] = len(self._seen), thing
                self._enter(thing)

    def _enter(self, thing: object) -> None:
        if self._depth == _DEEP:
            self._later.append(thing)
            return
        self._depth += 1
        self._part(thing)
        self._depth -= 1

    def _values(self, things: Any) -> None:
        """Values, which a compiler may or may not make one of: told by content, not by identity."""
        self._note(f"{type(things).__name__} {len(things)}")
        if id(things) in self._inside:
            return
        self._inside.add(id(things))
        if isinstance(things, set | frozenset):  # their order changes from process to process
            self._note(f"{sorted(_ADDRESS.sub('', repr(one)) for one in things)}")
        elif isinstance(things, dict):
            self.add(*(part for item in things.items() for part in item))
        else:
            self.add(*things)
        self._inside.remove(id(things))

    def _part(self, thing: Any) -> None:
        if isinstance(thing, _WRAPPERS):
            self.add(*_wrapped(thing))
        elif isinstance(thing, types.MethodType):
            self.add(thing.__func__, thing.__self__)
        elif isinstance(thing, property):
            self.add(thing.fget, thing.fset, thing.fdel)
        elif isinstance(thing, types.CodeType):
            self._note(f"code {thing.co_code.hex()} {thing.co_names} {thing.co_freevars}")
            self.add(*_constants(thing))
        elif isinstance(thing, types.ModuleType):
            self._note(f"module {thing.__name__}")
        elif not (inspect.isfunction(thing) or inspect.isclass(thing)):
            self._note(f"a {type(thing).__qualname__}")
            if _is_own(type(thing)):
                self.add(type(thing))
            # Not getattr: an object that makes any attribute up would never end.
            wrapped = inspect.getattr_static(thing, "__wrapped__", None)
            if wrapped is not None:
                self.add(wrapped)
        elif not _is_own(thing):
            self._note(f"{thing.__module__}.{thing.__qualname__}")
        elif inspect.isfunction(thing):
            self._function(thing)
        else:
            self._class(thing)

    def _function(self, function: types.FunctionType) -> None:
        self.add(function.__code__, function.__defaults__, function.__kwdefaults__)
        self.add(*(_content(cell) for cell in function.__closure__ or ()))
        dispatched = getattr(function, "registry", None)
        if isinstance(dispatched, types.MappingProxyType):  # by functools.singledispatch, on these types
            self.add(dict(cast("Mapping[type, object]", dispatched)))
        self._looked_up(sorted(set(_names(function.__code__))), function.__globals__)

    def _looked_up(self, names: list[str], among: dict[str, Any]) -> None:
        """What a code names among its globals; and among those of each own module that it names, as in
        ``helpers.change(x)``."""
        spaces, entered = [("global", among)], set[str]()
        for where, space in spaces:  # it grows meanwhile
            for name in names:
                if name not in space:
                    continue
                self._note(f"{where} {name}")
                value = space[name]
                self.add(value)
                if isinstance(value, types.ModuleType) and value.__name__ not in entered:
                    entered.add(value.__name__)
                    if is_own(value.__name__):
                        spaces.append((value.__name__, vars(value)))

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
    if sys.version_info >= (3, 13):
        documented = bool(code.co_flags & inspect.CO_HAS_DOCSTRING)
    else:
        # A function without one has None in its place. A comprehension and other code that Python names
        # itself, such as <genexpr>, has no such place: its first constant is one that it uses.
        documented = bool(code.co_flags & inspect.CO_OPTIMIZED) and not code.co_name.startswith("<")
    return code.co_consts[1:] if documented else code.co_consts


def _wrapped(thing: Any) -> tuple[object, ...]:
    """What a decorator of Python's own, or a partial call, was made of."""
    if isinstance(thing, functools.partial | functools.partialmethod):
        return thing.func, thing.args, thing.keywords
    if isinstance(thing, staticmethod | classmethod):
        return (thing.__func__,)
    if isinstance(thing, functools.cached_property):
        return (thing.func,)
    if isinstance(thing, functools.singledispatchmethod):
        return (thing.dispatcher,)
    return (thing.__wrapped__,)


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


def _is_own(thing: Any) -> bool:
    name: object = thing.__module__  # a property, of a class that says it in its own way
    return is_own(name if isinstance(name, str) else "")
