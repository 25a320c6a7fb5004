"""A registered thing by its name, its options checked; and what it is made of, likewise.

Some things are made of others of their kind: an ``aligned`` source of sources, a ``joint`` encoder
of encoders. Their spec names the factory's argument that takes these *parts* by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, final

from pydantic import ValidationError

from kshot.config import SourceEntry, Tower, Tuning, Use, problems_of
from kshot.errors import KshotError, listing, nearest
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot.registry import Entry, Registry

Written = tuple[str, Mapping[str, Any]]
"""A registered name and its options, as a configuration writes them."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """A registered thing, ready to be made.

    Attributes:
        entry: what the registry found.
        factory: makes it.
        options: every option with its value, defaults included.
        record: the same as JSON values, for the results; parts among them.
        parts: what it is made of, by name.
        tuning: how the outer loop trains it, where it is a tower of an encoder.
        named: the source of the configuration that it stands for, where it is a part that is one.
    """

    entry: Entry
    factory: Callable[..., Any]
    options: Mapping[str, Any]
    record: Mapping[str, Any]
    parts: Mapping[str, Resolved] = field(default_factory=dict[str, "Resolved"])
    tuning: Tuning = field(default_factory=Tuning)
    named: str | None = None

    @property
    def identity(self) -> str:
        """Equal where the same is made."""
        built = [[entry.identity, entry.provider] for entry in self.entries]
        return json.dumps([built, self.record], sort_keys=True)

    @property
    def entries(self) -> list[Entry]:
        """Its own, and those of all that it is made of."""
        return [self.entry, *(entry for part in self.parts.values() for entry in part.entries)]

    @property
    def everything_named(self) -> set[str]:
        """The sources of the configuration that it is made of, at any depth."""
        below = set[str]().union(*(part.everything_named for part in self.parts.values()))
        return below | {part.named for part in self.parts.values() if part.named}

    def make(self, *arguments: Any, make_part: Callable[[Resolved], Any], **more: Any) -> Any:
        """Call the factory.

        Args:
            arguments, more: given to it beside the options.
            make_part: makes one part.
        """
        made = {name: make_part(part) for name, part in self.parts.items()}
        parts = {self.entry.spec.parts: made} if self.entry.spec.parts else {}
        return self.factory(*arguments, **more, **self.options, **parts)


@final
class Resolver:
    """Finds names and checks options, gathering problems instead of raising them.

    Args:
        registry: finds the names.
        sources: sources of a configuration, which parts may name.

    Attributes:
        problems: one line each.
    """

    def __init__(self, registry: Registry, sources: Mapping[str, SourceEntry] | None = None) -> None:
        self._registry = registry
        self._sources = sources or {}
        self.problems: list[str] = []

    def resolve(
        self,
        kind: str,
        written: Written,
        where: str,
        *,
        modality: str | None = None,
        reserved: Iterable[str] = (),
        beside: Iterable[str] = (),
        tuning: Tuning | None = None,
        above: Sequence[str] = (),
    ) -> Resolved | None:
        """What a configuration writes; None where something is wrong with it, which ``problems`` then tells.

        Args:
            kind: ``encoders``, ``learners``, ``sources`` or ``metrics``.
            written: name and options.
            where: key path in the configuration.
            modality: that it must be of, where given.
            reserved: arguments that the caller gives itself.
            beside: keys that may stand beside options.
            tuning: how the outer loop trains it.
            above: ids of the sources that this one is a part of.
        """
        use, given = written
        name, colon, after = use.partition(":")
        try:
            entry = self._registry.find(kind, name, modality).known()
            chosen = given_options(entry.spec, given, after if colon else None)
            factory, argument = entry.resolve(), entry.spec.parts
            options = OptionsOf(factory, reserved=(*reserved, argument) if argument else reserved)
        except KshotError as error:
            self.problems.append(f"{where}: {error}" if where else str(error))
            return None
        before = len(self.problems)
        written_parts, plain = self._parted(kind, argument, chosen, options, where)
        keys = [*beside, *(self._part_keys(kind, argument) if argument else ())]
        self.problems += options.problems(plain, where, keys)
        parts = {
            one: self._part(kind, one, use, _key(where, one), above) for one, use in written_parts.items()
        }
        if len(self.problems) > before:
            return None
        found = {one: part for one, part in parts.items() if part}
        resolved = options.resolve(plain)
        record = {**resolved.record, **_recorded(kind, argument, found)}
        return Resolved(entry, factory, resolved.arguments, record, found, tuning or Tuning())

    def _parted(
        self, kind: str, argument: str, given: Mapping[str, Any], options: OptionsOf, where: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parts by name, as they are written, and the other options."""
        if not argument:
            return {}, dict(given)
        plain = {key: value for key, value in given.items() if key != argument}
        parts = self._listed(given.get(argument, {}), _key(where, argument))
        if kind == "encoders":
            modalities = [one for one in self._registry.modalities() if one not in options.names]
            parts |= {key: plain.pop(key) for key in modalities if key in plain}
        if not parts and argument not in given:
            example = "`image: conv4`" if kind == "encoders" else f"`{argument}: [one, other]`"
            self.problems.append(
                f"{_key(where, argument)}: is missing: what it is made of, by names of {kind}, such as {example}"
            )
        return parts, plain

    def _listed(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return {str(name): one for name, one in cast("dict[Any, Any]", value).items()}
        names = cast("list[Any]", value if isinstance(value, list) else [value])
        wrong = [one for one in names if not isinstance(one, str)]
        twice = sorted({one for one in names if isinstance(one, str) and names.count(one) > 1})
        if wrong or twice:
            what = f"'{twice[0]}' stands twice" if twice else f"{wrong[0]!r} is no name"
            self.problems.append(f"{where}: {what}; give names, or {{name: {{use: …}}}}")
            return {}
        return {name: name for name in names}

    def _part(self, kind: str, name: str, value: Any, where: str, above: Sequence[str]) -> Resolved | None:
        model = Tower if kind == "encoders" else Use
        if kind == "sources" and isinstance(value, str) and value in self._sources:
            return self._named(value, where, above)
        try:
            use = model.model_validate(value)
        except ValidationError as error:
            self.problems += problems_of(error, value, model, where)
            return None
        tuning = use.tuning if isinstance(use, Tower) else None
        modality = name if kind == "encoders" else None
        before = len(self.problems)
        found = self.resolve(
            kind,
            (use.use, use.options),
            where,
            modality=modality,
            beside=model.model_fields,
            tuning=tuning,
            above=above,
        )
        if found is None and kind == "sources" and self._sources and isinstance(value, str):
            hint = nearest(value, self._sources)
            self.problems[before] += f" (nor a source of this configuration{hint}: {listing(self._sources)})"
        return found

    def _named(self, name: str, where: str, above: Sequence[str]) -> Resolved | None:
        if name in above:
            self.problems.append(f"{where}: '{name}' is made of itself")
            return None
        entry = self._sources[name]
        before = len(self.problems)
        found = self.resolve("sources", (entry.use, entry.options), f"sources.{name}", above=(*above, name))
        if found is None:
            # The source's own line tells of it already.
            self.problems[before:] = [one for one in self.problems[before:] if "made of itself" in one] or [
                f"{where}: see sources.{name}"
            ]
            return None
        return Resolved(
            found.entry, found.factory, found.options, found.record, found.parts, found.tuning, name
        )

    def _part_keys(self, kind: str, argument: str) -> list[str]:
        return [argument, *(self._registry.modalities() if kind == "encoders" else ())]


def _key(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _recorded(kind: str, argument: str, parts: Mapping[str, Resolved]) -> dict[str, Any]:
    """Parts as a configuration would write them, defaults included."""
    told = {
        name: {"use": part.entry.name, **part.record, **part.tuning.told()} for name, part in parts.items()
    }
    return told if kind == "encoders" else ({argument: told} if argument else {})
