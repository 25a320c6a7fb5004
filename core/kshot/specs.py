"""What a plugin declares: frozen, import-free descriptions that name a factory by string.

This module imports neither torch nor numpy, so a plugin's entry point can load in
milliseconds. The factory is resolved only when a run names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KSHOT_API = 1
"""Number of the hook interface. A plugin states the one it was written for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]*")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Trial:
    """How the conformance suite (``kshot plugins check``) tries an entry, where its defaults will not do.

    Args:
        options: what the factory is given, small enough for every check to take a moment; or
            ``"module:attribute"``, a function that is given the path of an empty folder and returns
            them, for an entry that needs files.
        exceptions: checks that cannot hold, each with the reason.
        modules: modules of an extra; where one is not installed, the checks are excepted for want of it.
        needs: what no check can bring, such as a data set's own files: then only the factory and the
            options of the spec are checked.
        encoder: the registered encoder that a learner is tried on; default: a toy of the suite's own.
    """

    options: Mapping[str, Any] | str = field(default_factory=dict[str, Any])
    exceptions: Mapping[str, str] = field(default_factory=dict[str, str])
    modules: tuple[str, ...] = ()
    needs: str = ""
    encoder: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.options, str) and not _FACTORY.fullmatch(self.options):
            raise ValueError(f"trial: options {self.options!r} are neither a mapping nor 'module:attribute'")
        for check, reason in self.exceptions.items():
            if not reason.strip():
                raise ValueError(f"trial: the exception from '{check}' needs its reason")


@dataclass(frozen=True)
class Spec:
    """What every kind of spec has in common.

    Args:
        name: what a configuration writes after ``use``.
        summary: one line for ``kshot list``.
        factory: ``"module:attribute"``, a callable whose annotated keyword arguments are
            the options of this entry.
        paper: reference, where there is one.
        licence: licence of the data or weights that the factory brings, where it brings any.
        parts: name of the factory's argument that takes other things of the same kind, by name, where
            it is made of such; it is given what these were made to, a configuration names them.
        trial: how the conformance suite tries it.
    """

    name: str
    summary: str
    factory: str
    paper: str = ""
    licence: str = ""
    parts: str = field(default="", kw_only=True)
    trial: Trial = field(default_factory=Trial, hash=False, kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"spec name {self.name!r}: lower-case letters, digits, '_', '+' and '-' only")
        if not _FACTORY.fullmatch(self.factory):
            raise ValueError(f"spec {self.name!r}: factory {self.factory!r} is not 'module:attribute'")
        if not self.summary.strip() or "\n" in self.summary:
            raise ValueError(f"spec {self.name!r}: the summary must be one line of text")
        if self.parts and not self.parts.isidentifier():
            raise ValueError(f"spec {self.name!r}: parts={self.parts!r} is not the name of an argument")

    @property
    def written(self) -> str:
        """How a configuration writes it."""
        return self.name


@dataclass(frozen=True)
class _OfModality(Spec):
    modality: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _NAME.fullmatch(self.modality):
            raise ValueError(f"spec {self.name!r}: a modality is needed, such as 'image'")


@dataclass(frozen=True)
class EncoderSpec(_OfModality):
    """An encoder: the factory returns a :class:`kshot.interfaces.Encoder`.

    Args:
        takes: the option that stands after a colon, where there is one: an entry ``torchvision``
            that takes ``model`` is written ``torchvision:resnet18``.
    """

    takes: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.takes and not self.takes.isidentifier():
            raise ValueError(f"spec {self.name!r}: takes={self.takes!r} is not the name of an option")

    @property
    def written(self) -> str:
        """How a configuration writes it, such as ``torchvision:MODEL``."""
        return f"{self.name}:{self.takes.upper()}" if self.takes else self.name


@dataclass(frozen=True)
class SourceSpec(_OfModality):
    """A source: the factory returns a :class:`kshot.interfaces.Source`.

    A data set with a name is a spec over a table's factory: where it lies, its columns, its
    published class splits.

    Args:
        options: what the factory is given where a configuration says nothing else.
        splits: published class splits: name → what the name stands for after ``split:``.
        tiny: True for a modality's tiny separable source, on which the conformance suite tries encoders
            and readers of the modality: with its trial's options it trains on six classes of eight
            examples or more, which differ by more than chance.
    """

    options: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    splits: Mapping[str, Any] = field(default_factory=dict[str, Any], hash=False)
    tiny: bool = False


@dataclass(frozen=True)
class LearnerSpec(Spec):
    """A learner: the factory takes ``encoder`` first and returns a :class:`kshot.interfaces.Learner`."""


@dataclass(frozen=True)
class MetricSpec(Spec):
    """A metric: the factory is called as ``metric(logits (T, Q, way), labels (T, Q)) -> (T,)``.

    Args:
        customary: modalities whose sources are scored by it unasked, such as ``("audio",)``.
    """

    customary: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReaderSpec(_OfModality):
    """How what people have becomes a raw example: the factory returns a :class:`kshot.interfaces.Reader`.

    One of each modality; its name is the modality's.
    """


KINDS: dict[str, type[Spec]] = {
    "encoders": EncoderSpec,
    "learners": LearnerSpec,
    "sources": SourceSpec,
    "metrics": MetricSpec,
    "readers": ReaderSpec,
}
