"""A source by its name, or as a configuration defines it, opened for a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from kshot.config import SourceEntry, check, parse, read
from kshot.errors import ConfigurationError, DataError, KshotError, listing, nearest
from kshot.interfaces import Source
from kshot.making import make_source
from kshot.registry import Entry, Registry
from kshot.resolving import Resolver
from kshot.specs import SourceSpec
from kshot.splits import rule_of


@dataclass(frozen=True, eq=False)
class Opened:
    """An opened source and what it was opened with.

    Attributes:
        name: as the user wrote it.
        entry: what the registry found.
        options: all options as JSON values, defaults included.
        split: how the classes come to their splits, in words.
        source: the source.
    """

    name: str
    entry: Entry
    options: Mapping[str, Any]
    split: str
    source: Source


def open_source(name: str, overrides: Sequence[str], registry: Registry) -> Opened:
    """Open a source.

    Args:
        name: a registered name, or ``CONFIG.yaml:ID`` for a source of a configuration.
        overrides: ``key=value`` for options, values in YAML; ``key.part=value`` for one part of a
            mapping.
        registry: finds the name.

    Raises:
        ConfigurationError: options that do not fit.
        KshotError: an unknown name, or data that cannot be had; the text says how to give them.
    """
    use, options, sources = _written(name)
    problems = [problem for one in overrides if (problem := _override(options, one))]
    if problems:
        raise ConfigurationError(f"{name} with --set", problems)
    spec = registry.find("sources", use.partition(":")[0]).spec
    assert isinstance(spec, SourceSpec)
    resolver = Resolver(registry, sources)
    what = resolver.resolve("sources", (use, options), "")
    if what is None:
        raise ConfigurationError(f"{name} (options are given by --set key=value)", resolver.problems)
    try:
        source = make_source(what)
    except DataError as error:
        raise DataError(f"{error}{_hint(what.record.get('path'))}") from error
    asked = {**spec.options, **options}.get("split")
    return Opened(name, what.entry, what.record, _split(asked, what.options, spec), source)


def _written(name: str) -> tuple[str, dict[str, Any], Mapping[str, SourceEntry]]:
    """What is used, its options, and the sources that it may be made of: a registered name has none of
    these yet, a configuration's source may."""
    path, _, key = name.rpartition(":")
    if Path(name).suffix in (".yaml", ".yml"):
        path, key = name, ""
    if Path(path).suffix not in (".yaml", ".yml"):
        return name, {}, {}
    configuration, problems = check(read(Path(path)))
    if configuration is None or problems:
        raise ConfigurationError(path, problems)
    known = configuration.sources
    if key not in known:
        raise KshotError(
            f"which source of {path}? write {path}:ID with one of {listing(known)}{nearest(key, known)}"
        )
    return known[key].use, known[key].options, known


def _hint(path: Any) -> str:
    """How to say where the data lie, if they do not lie where ``path`` says."""
    paths: list[Any] = cast("list[Any]", path) if isinstance(path, list) else [path]
    absent = [one for one in paths if isinstance(one, str) and not Path(one).expanduser().exists()]
    return f" (`path` is {absent[0]}; --set path=… names another place)" if absent else ""


def _override(options: dict[str, Any], override: str) -> str | None:
    """Apply one override in place; the problem, if there is one."""
    key, equals, text = override.partition("=")
    if not key or not equals:
        return f"{override!r}: write --set key=value, such as --set path=pictures"
    try:
        value = parse(text)
    except ValueError:
        return f"{key}: the value {text!r} is not valid YAML"
    place: Any = options
    *above, last = key.split(".")
    for part in above:
        place = cast("dict[str, Any]", place).setdefault(part, {})
        if not isinstance(place, dict):
            return f"{key}: '{part}' is no mapping, so it has no part '{last}'"
    place[last] = value
    return None


def _split(asked: Any, arguments: Mapping[str, Any], spec: SourceSpec) -> str:
    taken = arguments.get("split")
    if taken is None:
        return "the source's own"
    rule = rule_of(taken)
    return f"{asked}, published: {rule}" if isinstance(asked, str) and asked in spec.splits else rule
