"""Read a factory's options from its signature, and check what a configuration gives them.

A factory says what it takes once, in its signature; no second schema can fall out of step.
"""

from __future__ import annotations

import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic_core import PydanticSerializationError

from kshot.errors import ConfigurationError, PluginError, nearest
from kshot.options.explain import describe, explain

_REQUIRED: Any = inspect.Parameter.empty


@dataclass(frozen=True)
class Resolved:
    """The options of one call, defaults filled in.

    Attributes:
        arguments: what the factory is called with.
        record: the same as plain JSON values, for results.
    """

    arguments: Mapping[str, Any]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class _Option:
    name: str
    annotation: Any
    default: Any
    adapter: TypeAdapter[Any]


@final
class OptionsOf:
    """The options of one factory.

    Values are taken strictly: ``"5"`` is no integer, an integer may stand for a float. They are
    read as JSON, so a list may fill a tuple and a string a path or an enumeration.

    Args:
        factory: a class or function whose arguments are annotated.
        reserved: arguments that the run itself gives, which are no options.

    Raises:
        PluginError: the signature cannot be checked, which is for the factory's author to mend.
    """

    def __init__(self, factory: Callable[..., Any], reserved: Iterable[str] = ("encoder", "way")) -> None:
        self._who = f"{factory.__module__}:{getattr(factory, '__qualname__', type(factory).__qualname__)}"
        self._reserved = frozenset(reserved)
        try:
            parameters = inspect.signature(factory).parameters.values()
        except (TypeError, ValueError) as error:
            raise PluginError(f"factory {self._who} has no signature that can be read: {error}") from error
        scope = _scope(factory)
        taken = [one for one in parameters if one.name not in self._reserved]
        self._options = {one.name: self._option(one, scope) for one in taken}

    @property
    def names(self) -> Sequence[str]:
        """Names of the options, in the order of the signature."""
        return tuple(self._options)

    def problems(self, values: Mapping[str, Any], where: str, beside: Iterable[str] = ()) -> list[str]:
        """What is wrong with ``values``, one line each: key, value, what is allowed.

        Args:
            values: option names and what the configuration gives them.
            where: key path of the options in the configuration, such as ``learners[1]``.
            beside: keys that may stand beside the options, one of which may have been meant.
        """
        found = [self._unknown(name, where, beside) for name in values if name not in self._options]
        for name, option in self._options.items():
            key = _key(where, name)
            if name in values:
                found += _check(option, values[name], key)
            elif option.default is _REQUIRED:
                found.append(f"{key}: is missing; should be {describe(option.annotation)}")
        return found

    def resolve(self, values: Mapping[str, Any], where: str = "options") -> Resolved:
        """Check ``values`` and fill in the defaults.

        Raises:
            ConfigurationError: all that :meth:`problems` finds.
            PluginError: a default that its own annotation does not allow.
        """
        problems = self.problems(values, where)
        if problems:
            raise ConfigurationError(self._who, problems)
        arguments = {
            name: _parse(option, values[name]) if name in values else option.default
            for name, option in self._options.items()
        }
        return Resolved(arguments, {name: self._plain(name, value) for name, value in arguments.items()})

    def _option(self, parameter: inspect.Parameter, scope: dict[str, Any]) -> _Option:
        name = parameter.name
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            stars = "**" if parameter.kind is parameter.VAR_KEYWORD else "*"
            raise self._unusable(f"takes {stars}{name}, which no configuration can be checked against")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise self._unusable(f"takes '{name}' by position only; options are given by name")
        if parameter.annotation is parameter.empty:
            raise self._unusable(f"does not annotate its argument '{name}'")
        try:
            # One at a time: an annotation that is no option's may be there for type checkers only.
            holder = types.SimpleNamespace(__annotations__={name: parameter.annotation})
            annotation = typing.get_type_hints(holder, scope, include_extras=True)[name]
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        except (NameError, TypeError, SyntaxError, AttributeError) as error:
            raise self._unusable(f"annotates '{name}' in a way that cannot be read: {error}") from error
        except (PydanticSchemaGenerationError, PydanticUserError) as error:
            what = f"annotates '{name}' as {parameter.annotation}, which no configuration can hold"
            raise self._unusable(what) from error
        return _Option(name, annotation, parameter.default, adapter)

    def _unusable(self, what: str) -> PluginError:
        return PluginError(f"factory {self._who} {what}")

    def _unknown(self, name: str, where: str, beside: Iterable[str]) -> str:
        if name in self._reserved:
            return f"{_key(where, name)}: is given by the run itself and is no option"
        known = ", ".join(self._options) or "there are none"
        return f"{_key(where, name)}: unknown option{nearest(str(name), [*self._options, *beside])} (options: {known})"

    def _plain(self, name: str, value: object) -> Any:
        try:
            plain = self._options[name].adapter.dump_python(value, mode="json", warnings="error")
            json.dumps(plain, allow_nan=False)
            # None is dumped as it is whatever the annotation says, by which it is read again.
            if value is None:
                _parse(self._options[name], plain)
        except (PydanticSerializationError, TypeError, ValueError) as error:
            described = describe(self._options[name].annotation)
            what = f"has the default {value!r} for '{name}', which is not {described}"
            raise self._unusable(what) from error
        return plain


def _scope(factory: Callable[..., Any]) -> dict[str, Any]:
    """The names that a factory's annotations may use."""
    function: Any = factory.__init__ if inspect.isclass(factory) else inspect.unwrap(factory)
    own = getattr(function, "__globals__", None)
    return vars(sys.modules[factory.__module__]) if own is None else own


def _key(where: str, name: str) -> str:
    return f"{where}.{name}" if where else str(name)


def _parse(option: _Option, value: object) -> Any:
    return option.adapter.validate_json(json.dumps(value, allow_nan=False), strict=True)


def _check(option: _Option, value: object, key: str) -> list[str]:
    try:
        _parse(option, value)
    except ValidationError as error:
        return explain(error, key, value, option.annotation)
    except (TypeError, ValueError):
        allowed = f"{describe(option.annotation)}, its numbers finite and its dates in quotes"
        return [f"{key}: should be {allowed} (given: {value!r})"]
    return []
