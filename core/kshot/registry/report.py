"""What became of each plugin that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ASKED = (KeyboardInterrupt, GeneratorExit)
"""What ends the work because somebody asked for it. All else that an import raises is the plugin's fault,
also what is no ``Exception``: a panic of a library in Rust, say."""


class RefusalError(Exception):
    """A plugin that cannot be used; the text says why."""


def reason(error: BaseException) -> str:
    """An exception in one line: line breaks folded, its type first unless it is a refusal."""
    text = " ".join(str(error).split())
    if isinstance(error, RefusalError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@dataclass(frozen=True)
class PluginReport:
    """One plugin that was found, usable or not.

    Attributes:
        name: name of its entry point.
        distribution: the distribution that declares the entry point.
        version: version of that distribution.
        module: the module that the entry point names.
        api: the hook interface that it was written for, once that is known.
        specs: names that it brings, by kind; for a refused plugin what it named before it failed.
        seconds: time that its import and its hooks took.
        error: why it is refused, in one line; None where it is not.
        excluded: the environment variable that leaves it out; None where none does.
    """

    name: str
    distribution: str
    version: str
    module: str
    api: int | None = None
    specs: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    seconds: float = 0.0
    error: str | None = None
    excluded: str | None = None

    def __str__(self) -> str:
        return f"plugin '{self.name}' of {self.distribution} {self.version}"

    @property
    def usable(self) -> bool:
        """True when what it brings can be used."""
        return self.error is None and self.excluded is None
