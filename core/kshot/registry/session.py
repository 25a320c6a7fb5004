"""Encoders, learners, sources, metrics and readers that this process registers itself, without a distribution.

What is registered here stands beside what the installed plugins bring, under the same checks: a spec's
rules, and one owner for a name. A notebook's cell may run again: the same qualified name takes its own
place. Each version of the code is told apart by :func:`kshot.registry.fingerprint.code_hash`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar, Unpack, cast, overload

from kshot.errors import PluginError, nearest
from kshot.registry.entry import Entry
from kshot.registry.fingerprint import code_hash
from kshot.specs import KINDS, Spec, Trial

SESSION = "this process"
"""The plugin's name of what is registered here."""

F = TypeVar("F", bound=Callable[..., Any])

_entries: dict[tuple[str, str], Entry] = {}


class SpecFields(TypedDict, total=False):
    """What every kind of spec has; ``name`` is made of the factory's own, ``summary`` of its docstring."""

    name: str
    summary: str
    paper: str
    licence: str
    trial: Trial


class EncoderFields(SpecFields, total=False):
    """Of an encoder; ``modality`` is the class's own, unless given."""

    modality: str
    takes: str


class SourceFields(SpecFields, total=False):
    """Of a source; ``modality`` is the class's own, unless given."""

    modality: str
    options: Mapping[str, Any]
    splits: Mapping[str, Any]
    tiny: bool


class MetricFields(SpecFields, total=False):
    """Of a metric."""

    customary: tuple[str, ...]


class ReaderFields(SpecFields, total=False):
    """Of a reader, whose name is its modality's."""

    modality: str


@overload
def register_encoder(factory: F, /, **fields: Unpack[EncoderFields]) -> F: ...
@overload
def register_encoder(factory: None = None, /, **fields: Unpack[EncoderFields]) -> Callable[[F], F]: ...
def register_encoder(factory: Any = None, /, **fields: Any) -> Any:
    """Register an encoder for this process, by a call or as a decorator.

    Args:
        factory: a class or function whose annotated keyword arguments are the options, and which
            returns a :class:`kshot.interfaces.Encoder`; None: the decorator.
        fields: those of :class:`kshot.EncoderSpec`, apart from ``factory``, all of them optional. The name is
            made of the factory's (``MyNet``: ``my_net``), the summary of its docstring, and the
            modality is the class's own.

    Returns:
        the factory itself.

    Raises:
        PluginError: the name is taken, or a field will not do.

    Example::

        @kshot.register_encoder(modality="image")
        class MyNet(Encoder): ...
    """
    return _register("encoders", factory, fields)


@overload
def register_learner(factory: F, /, **fields: Unpack[SpecFields]) -> F: ...
@overload
def register_learner(factory: None = None, /, **fields: Unpack[SpecFields]) -> Callable[[F], F]: ...
def register_learner(factory: Any = None, /, **fields: Any) -> Any:
    """Register a learner for this process: a factory that takes ``encoder`` first. The fields are those of
    :class:`kshot.LearnerSpec`; all else is as in :func:`register_encoder`."""
    return _register("learners", factory, fields)


@overload
def register_source(factory: F, /, **fields: Unpack[SourceFields]) -> F: ...
@overload
def register_source(factory: None = None, /, **fields: Unpack[SourceFields]) -> Callable[[F], F]: ...
def register_source(factory: Any = None, /, **fields: Any) -> Any:
    """Register a source for this process. The fields are those of :class:`kshot.SourceSpec`; all else is
    as in :func:`register_encoder`."""
    return _register("sources", factory, fields)


@overload
def register_metric(factory: F, /, **fields: Unpack[MetricFields]) -> F: ...
@overload
def register_metric(factory: None = None, /, **fields: Unpack[MetricFields]) -> Callable[[F], F]: ...
def register_metric(factory: Any = None, /, **fields: Any) -> Any:
    """Register a metric for this process: called with logits (T, Q, way) and labels (T, Q), it gives (T,).
    The fields are those of :class:`kshot.MetricSpec`; all else is as in :func:`register_encoder`."""
    return _register("metrics", factory, fields)


@overload
def register_reader(factory: F, /, **fields: Unpack[ReaderFields]) -> F: ...
@overload
def register_reader(factory: None = None, /, **fields: Unpack[ReaderFields]) -> Callable[[F], F]: ...
def register_reader(factory: Any = None, /, **fields: Any) -> Any:
    """Register a reader for this process. The fields are those of :class:`kshot.ReaderSpec`; its name is
    its modality's; all else is as in :func:`register_encoder`."""
    return _register("readers", factory, fields)


def session_entries() -> tuple[Entry, ...]:
    """What this process registered."""
    return tuple(_entries.values())


def forget_session() -> None:
    """Forget all that this process registered."""
    _entries.clear()


def _register(kind: str, factory: Any, fields: Mapping[str, Any]) -> Any:
    if factory is None:
        return lambda decorated: _register(kind, decorated, fields)  # pyright: ignore[reportUnknownLambdaType]
    what = f"{kind[:-1]} '{fields.get('name') or _name(kind, factory, fields)}'"
    if not callable(factory):
        raise PluginError(f"{what}: {factory!r} is nothing to call")
    entry = Entry(
        kind, _spec(kind, factory, fields, what), SESSION, _origin(factory), code_hash(factory), factory
    )
    _refuse_rivals(entry)
    _entries[kind, entry.name] = entry
    return factory


def _spec(kind: str, factory: Any, fields: Mapping[str, Any], what: str) -> Spec:
    spec_class = KINDS[kind]
    known = [name for name in spec_class.__dataclass_fields__ if name != "factory"]
    for field in fields:
        if field not in known:
            raise PluginError(
                f"{what}: no field '{field}'{nearest(field, known)} (fields: {', '.join(known)})"
            )
    given = {name: value for name, value in fields.items() if value is not None}
    modality = _own_modality(factory)
    own = {"modality": modality} if modality and "modality" in known else {}
    derived = {"name": _name(kind, factory, fields), "summary": _summary(factory)}
    made: dict[str, Any] = {**derived, **own, **given}
    name = re.sub(r"\W", "_", getattr(factory, "__name__", type(factory).__name__))
    try:
        return spec_class(factory=f"{getattr(factory, '__module__', None) or '__main__'}:{name}", **made)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{what}: {error}") from error


def _refuse_rivals(entry: Entry) -> None:
    from kshot.registry.load import load_plugins

    # The same qualified name is the same thing, written anew: a notebook's cell that ran again.
    earlier = _entries.get((entry.kind, entry.name))
    rivals = [earlier] if earlier and earlier.distribution != entry.distribution else []
    rivals += [one for one in load_plugins().named(entry.kind, entry.name) if one.plugin != SESSION]
    if rivals:
        raise PluginError(
            f"{entry.kind[:-1]} '{entry.name}' is refused: {rivals[0].provider} brings it, and {entry.provider} "
            "would too; give it another name"
        )


def _origin(factory: Any) -> str:
    name = getattr(factory, "__qualname__", None) or type(factory).__qualname__
    return f"{getattr(factory, '__module__', None) or '__main__'}.{name}"


def _name(kind: str, factory: Any, fields: Mapping[str, Any]) -> str:
    modality = (fields.get("modality") or _own_modality(factory)) if kind == "readers" else None
    return modality or _own_name(factory)


def _own_modality(factory: Any) -> str | None:
    modality: object = getattr(factory, "modality", None)
    return modality if isinstance(modality, str) else None


def _own_name(factory: Any) -> str:
    """``MyNet2`` as ``my_net2``, ``MAML`` as ``maml``."""
    name = cast("str", getattr(factory, "__name__", type(factory).__name__))
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")


def _summary(factory: Any) -> str:
    lines = (getattr(factory, "__doc__", None) or "").strip().splitlines()
    return lines[0].strip() if lines and lines[0].strip() else "registered in this process"
