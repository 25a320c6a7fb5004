"""The registry: every usable name, and an answer for every name that is not."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any, final

import pluggy

from kshot.errors import KshotError, PluginError, listing, nearest
from kshot.registry import hooks, house
from kshot.registry.discovery import EXCLUDE
from kshot.registry.entry import Entry
from kshot.registry.report import PluginReport, RefusalError, reason
from kshot.specs import KINDS


@final
class Registry:
    """What the installed plugins bring. Made by :func:`kshot.registry.load_registry`.

    Args:
        manager: holds the usable plugins and no other.
        plugins: one report for each plugin found, usable or not.
        entries: what the usable plugins bring.
        notes: what else a user must know, one line each.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Iterable[PluginReport],
        entries: Iterable[Entry],
        notes: Iterable[str] = (),
    ) -> None:
        self.manager = manager
        self.plugins: Sequence[PluginReport] = tuple(plugins)
        self.notes: Sequence[str] = tuple(notes)
        self._table: dict[str, dict[str, list[Entry]]] = {kind: {} for kind in KINDS}
        for entry in sorted(entries, key=lambda one: (one.name, one.distribution, one.version)):
            self._table[entry.kind].setdefault(entry.name, []).append(entry)

    def entries(self, kind: str) -> Sequence[Entry]:
        """Entries of one kind by name; a name that two plugins bring is not among them."""
        return tuple(some[0] for some in self._table[kind].values() if len(some) == 1)

    def named(self, kind: str, name: str) -> Sequence[Entry]:
        """All entries of a name, however many bring it."""
        return tuple(self._table[kind].get(name, ()))

    def brought_by(self, plugin: str) -> Sequence[Entry]:
        """All that a usable plugin brings, by kind and name, contested names among it."""
        every = [entry for kind in KINDS for some in self._table[kind].values() for entry in some]
        return tuple(entry for entry in every if entry.plugin == plugin)

    def modalities(self) -> Sequence[str]:
        """The modalities of the installed encoders and sources, sorted."""
        return sorted({entry.modality for kind in ("encoders", "sources") for entry in self.entries(kind)})

    @property
    def conflicts(self) -> Sequence[str]:
        """One line for each name that is refused because more than one spec has it."""
        groups = [some for kind in KINDS for some in self._table[kind].values()]
        return tuple(_conflict(some) for some in groups if len(some) > 1)

    def find(self, kind: str, name: str, modality: str | None = None) -> Entry:
        """The one entry of that kind and name.

        Args:
            kind: ``encoders``, ``learners``, ``sources`` or ``metrics``.
            name: what a configuration writes after ``use``.
            modality: the entry must be of this modality, where given.

        Raises:
            PluginError: two plugins bring the name, or the one that does is refused.
            KshotError: nobody brings it, or it is of another modality; the text says what there
                is and, for what the house's distributions bring, which pip command installs it.
        """
        found = self._table[kind].get(name, [])
        if len(found) > 1:
            raise PluginError(_conflict(found))
        if not found:
            raise self._missing(kind, name, modality)
        if modality is not None and found[0].modality != modality:
            raise KshotError(
                f"{found[0]} is for {found[0].modality}, not {modality}; {self._there_are(kind, modality)}"
            )
        return found[0]

    def require_modality(self, modality: str) -> None:
        """Make sure that a plugin for the modality is installed.

        Raises:
            KshotError: none is; the text says which pip command installs one.
        """
        if modality not in self.modalities():
            raise KshotError(self._no_modality(modality))

    def notify(self, hook: str, /, **arguments: Any) -> None:
        """Call a run-time hook of every plugin and observer; one that raises stops no other.

        Raises:
            PluginError: after all were called, naming each that raised.
        """
        hooks.notify(self.manager, hook, arguments, {plugin.name: str(plugin) for plugin in self.plugins})

    def observed(self, *names: str) -> bool:
        """True where a plugin or an observer implements one of these hooks."""
        return any(hooks.implementations(self.manager, hook) for hook in names)

    @contextlib.contextmanager
    def observing(self, observer: object) -> Generator[None]:
        """Let an object's ``@hookimpl`` methods see the run-time hooks inside a ``with`` block.

        Raises:
            PluginError: it implements a hook that does not exist, or wrongly.
        """
        try:
            try:
                self.manager.register(observer)
                hooks.check_implementations(self.manager, observer)
            except (pluggy.PluginValidationError, RefusalError) as error:
                raise PluginError(f"observer {type(observer).__name__}: {reason(error)}") from error
            yield
        finally:
            if self.manager.is_registered(observer):
                self.manager.unregister(observer)

    def _missing(self, kind: str, name: str, modality: str | None) -> KshotError:
        what = f"{kind[:-1]} '{name}'"
        for plugin in self.plugins:
            if plugin.error is not None and name in plugin.specs.get(kind, ()):
                return PluginError(f"{what} comes with {plugin}, which is refused: {plugin.error}")
        offer = house.offer(kind, name)
        if offer is not None:
            return self._not_installed(what, offer)
        if modality is not None and modality not in self.modalities():
            return KshotError(f"unknown {what}: {self._no_modality(modality)}")
        there = [entry.name for entry in self._of(kind, modality)]
        hint = nearest(name, [*there, *house.names(kind, modality)])
        return KshotError(f"unknown {what}{hint}; {self._there_are(kind, modality)}{self._refused()}")

    def _not_installed(self, what: str, offer: house.Offer) -> KshotError:
        comes = f"{what} comes with {offer.distribution}"
        for plugin in self.plugins:
            if plugin.distribution != offer.distribution:
                continue
            if plugin.error is not None:
                return PluginError(f"{comes} {plugin.version}, which is refused: {plugin.error}")
            if plugin.excluded is not None:
                return KshotError(f"{comes}, which the environment variable {plugin.excluded} leaves out")
            return KshotError(
                f"{comes}, but not with the installed version {plugin.version}: pip install --upgrade kshot "
                f"{offer.distribution}"
            )
        return KshotError(f"{comes}, which is not installed: {offer.command}")

    def _no_modality(self, modality: str) -> str:
        start = f"no installed plugin brings the modality '{modality}'"
        distribution = house.MODALITIES.get(modality)
        if distribution is None:
            hint = nearest(modality, [*self.modalities(), *house.MODALITIES])
            return f"{start}{hint}; there are {listing(self.modalities())}{self._refused()}"
        for plugin in self.plugins:
            if plugin.distribution == distribution and not plugin.usable:
                why = f"refused: {plugin.error}" if plugin.error else f"left out by {plugin.excluded}"
                return f"{start}; {plugin} is {why}"
        return f"{start}: pip install {distribution}"

    def _of(self, kind: str, modality: str | None) -> list[Entry]:
        return [entry for entry in self.entries(kind) if modality in (None, entry.modality)]

    def _there_are(self, kind: str, modality: str | None) -> str:
        names = listing(entry.name for entry in self._of(kind, modality))
        return f"installed {kind}{f' for {modality}' if modality else ''}: {names}"

    def _refused(self) -> str:
        refused = [f"{plugin} ({plugin.error})" for plugin in self.plugins if plugin.error is not None]
        return f"; it may come with what is refused: {', '.join(refused)}" if refused else ""


def _conflict(entries: Sequence[Entry]) -> str:
    what = f"{entries[0].kind[:-1]} '{entries[0].name}'"
    providers = sorted({entry.provider for entry in entries})
    if len(providers) == 1:
        return f"{what} is refused: {providers[0]} brings it {len(entries)} times; report this to its authors"
    return (
        f"{what} is refused: {' and '.join(providers)} bring it; uninstall one, "
        f"or leave it out by {EXCLUDE}=<its distribution>"
    )
