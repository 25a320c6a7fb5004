"""What a distribution is to hold: its kind, its modality, what it needs, which templates make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from packaging.version import Version

import kshot
from kshot.errors import KshotError, listing, nearest
from kshot.scaffold.names import Names
from kshot.specs import KSHOT_API

Kind = Literal["encoder", "learner", "modality"]
KINDS: Sequence[Kind] = get_args(Kind)

ENCODED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "image": ("kshot-image", ""),
        "audio": ("kshot-audio", "voices"),
        "text": ("kshot-text", ""),
    }
)
"""Modality → the distribution that reads its examples, and the extra of it that brings a source to try.

An encoder is written for one of these; one of another modality begins with the modality itself.
"""


@dataclass(frozen=True)
class Plan:
    """A distribution to be written.

    Attributes:
        names: all that it is called.
        kind: of what it brings.
        modality: of that; empty for a learner, which has none.
    """

    names: Names
    kind: Kind
    modality: str

    @property
    def brings(self) -> dict[str, tuple[str, ...]]:
        """Names that it registers, by the registry's kinds."""
        name = self.names.plugin
        if self.kind == "modality":
            return {
                "encoders": (f"{name}_mlp", f"{name}_plain"),
                "sources": (f"{name}_clusters", f"{self.modality}_table"),
                "readers": (self.modality,),
            }
        return {f"{self.kind}s": (name,)}

    @property
    def templates(self) -> tuple[str, ...]:
        """Folders of templates, those of all kinds first."""
        more = (f"encoder-{self.modality}",) if self.kind == "encoder" else ()
        return ("common", self.kind, *more)

    @property
    def values(self) -> dict[str, str]:
        """What the templates' ``$names`` stand for."""
        return {
            "distribution": self.names.distribution,
            "package": self.names.package,
            "plugin": self.names.plugin,
            "class": self.names.class_,
            "kind": self.kind,
            "modality": self.modality,
            "api": str(KSHOT_API),
            "dependencies": _written(self._dependencies()),
            "tested_with": _written(self._tested_with()),
            "brings": _literal(self.brings),
        }

    def _dependencies(self) -> list[str]:
        core = "kshot[tables]" if self.kind == "modality" else "kshot"
        found = [f"{core}{bounds(kshot.__version__)}", *_LIBRARIES]
        if self.kind == "encoder":
            found.insert(1, f"{ENCODED[self.modality][0]}{bounds(kshot.__version__)}")
        return found

    def _tested_with(self) -> list[str]:
        found = ["pytest>=8.2,<10"]
        if self.kind == "learner":
            found.append(f"kshot-image{bounds(kshot.__version__)}")  # pictures to try it on
        elif self.kind == "encoder" and ENCODED[self.modality][1]:
            distribution, extra = ENCODED[self.modality]
            found.append(f"{distribution}[{extra}]{bounds(kshot.__version__)}")
        return found


_LIBRARIES = "torch>=2.11,<2.15", "pydantic>=2.8,<3"
"""As the core asks for them."""


def plan_of(names: Names, kind: str, modality: str = "") -> Plan:
    """A plan, its kind and modality checked.

    Args:
        names: of the distribution.
        kind: see :data:`KINDS`.
        modality: of an encoder, one of :data:`ENCODED`; of a new modality its name, by default the
            plugin's.

    Raises:
        KshotError: they do not go together.
    """
    if kind == "encoder":
        if modality not in ENCODED:
            raise KshotError(
                f"--modality of an encoder is one of {listing(ENCODED)}"
                f"{f', not {modality!r}{nearest(modality, ENCODED)}' if modality else ''}; an encoder of "
                "another modality comes with it, by --kind modality"
            )
        return Plan(names, "encoder", modality)
    if kind == "modality":
        modality = modality or names.plugin
        if modality in ENCODED:
            raise KshotError(f"the modality '{modality}' is there already, by {ENCODED[modality][0]}")
        if not modality.isidentifier() or modality != modality.lower():
            raise KshotError(f"'{modality}' is no name for a modality: lower-case letters, digits and '_'")
        return Plan(names, "modality", modality)
    if kind == "learner":
        if modality:
            raise KshotError("a learner has no modality: it sees embeddings; leave --modality out")
        return Plan(names, "learner", "")
    raise KshotError(f"--kind is one of {listing(KINDS)}, not '{kind}'{nearest(kind, KINDS)}")


def bounds(version: str) -> str:
    """Versions of the core that a plugin written for one may meet: up to the next that may break it."""
    major, minor, *_ = Version(version).release
    after = f"0.{minor + 1}" if major == 0 else f"{major + 1}"
    return f">={major}.{minor},<{after}"


def _literal(brings: Mapping[str, tuple[str, ...]]) -> str:
    """Python that writes it, as a formatter would."""
    items = [f"{kind!r}: {tuple(sorted(names))!r}".replace("'", '"') for kind, names in brings.items()]
    return (
        f"{{{items[0]}}}" if len(items) == 1 else "".join(["{\n", *(f"    {one},\n" for one in items), "}"])
    )


def _written(requirements: Sequence[str]) -> str:
    """Requirements as the inside of a TOML list."""
    return ", ".join(f'"{one}"' for one in requirements)
