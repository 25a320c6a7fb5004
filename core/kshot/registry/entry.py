"""One registered name, and the way from it to the callable behind it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kshot.errors import PluginError, nearest
from kshot.registry import house
from kshot.registry.fingerprint import own_code
from kshot.registry.report import ASKED, reason
from kshot.specs import Spec


@dataclass(frozen=True)
class Entry:
    """A spec, and the plugin that brings it.

    Attributes:
        kind: ``encoders``, ``learners``, ``sources`` or ``metrics``.
        spec: what the plugin declared.
        plugin: name of the plugin's entry point.
        distribution: the distribution that declares the entry point.
        version: version of that distribution.
        made: the factory itself, of what this process registered; its distribution is then its
            qualified name, its version a hash of its code.
        code: a hash of the factory's code, once it is :meth:`known`, where that is somebody's own; empty
            where an installed distribution's version says enough.
    """

    kind: str
    spec: Spec
    plugin: str
    distribution: str
    version: str
    made: Callable[..., Any] | None = None
    code: str = ""

    def __str__(self) -> str:
        return f"{self.kind[:-1]} '{self.name}' of {self.provider}"

    @property
    def name(self) -> str:
        """What a configuration writes after ``use``."""
        return self.spec.name

    @property
    def modality(self) -> str:
        """Its modality; empty for learners and metrics, which serve any."""
        return getattr(self.spec, "modality", "")

    @property
    def provider(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}"

    @property
    def identity(self) -> str:
        """What a result that it had a part in depends on, beside the versions of distributions; of an entry
        that is :meth:`known`."""
        return f"{self.spec.factory} {self.code}" if self.code else self.spec.factory

    def known(self) -> Entry:
        """Itself, with the code of its factory, which is imported for it.

        Code that its author works on, as of a plugin installed with ``pip install -e``, changes while the
        version of its distribution stays. It is read off what was imported, whatever the file says by now.

        Raises:
            PluginError: the factory cannot be imported.
        """
        if self.made is not None:
            return replace(self, code=self.version)
        return replace(self, code=own_code(self.resolve(), self.spec.factory.partition(":")[0]))

    def resolve(self) -> Callable[..., Any]:
        """Import the factory; nothing of it is imported before this call.

        Raises:
            PluginError: it cannot be imported, or is nothing to call.
        """
        if self.made is not None:
            return self.made
        module_name, _, attribute = self.spec.factory.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ASKED:
            raise
        except BaseException as error:
            raise self._broken(f"cannot be imported: {reason(error)}{self._mend(error)}") from error
        if not hasattr(module, attribute):
            known = [name for name in vars(module) if not name.startswith("_")]
            raise self._broken(f"{module_name} has no attribute '{attribute}'{nearest(attribute, known)}")
        factory = getattr(module, attribute)
        if not callable(factory):
            raise self._broken(f"it is of type {type(factory).__name__}, not something to call")
        return factory

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"{self} (plugin '{self.plugin}'): factory '{self.spec.factory}': {what}")

    def _mend(self, error: BaseException) -> str:
        """What to install, where a module that the house's own distribution needs is absent."""
        offer = house.offer(self.kind, self.name)
        if offer is None or offer.distribution != self.distribution:
            return ""
        return f"; install what it needs: {offer.command}" if isinstance(error, ModuleNotFoundError) else ""
