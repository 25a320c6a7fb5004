"""Classes of several sources that are the same class, by their names."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from kshot.config import parse
from kshot.errors import DataError, listing, nearest

Match = Literal["exact", "normalised"]
Mapped = Mapping[str, Mapping[str, str]]
"""Name of a part → its name of a class → the name in common."""

_BREAKS = re.compile(r"[\W_]+")


@dataclass(frozen=True, eq=False)
class Joined:
    """Of one split.

    Attributes:
        shared: names in common, sorted → each part's own name.
        alone: part → its classes that another part lacks, sorted.
    """

    shared: Mapping[str, Mapping[str, str]]
    alone: Mapping[str, Sequence[str]]


def join(classes: Mapping[str, Sequence[str]], match: Match, mapped: Mapped) -> Joined:
    """Join classes by name.

    Args:
        classes: part → names of its classes.
        match: ``normalised``: case, accents' form, punctuation and spaces do not matter.
        mapped: names that a part has for what others call otherwise.

    Raises:
        DataError: two classes of one part have the same name in common.
    """
    named = {part: _named(part, own, match, mapped.get(part, {})) for part, own in classes.items()}
    common = set[str].intersection(*(set(names) for names in named.values()))
    alone = {
        part: sorted(own for name, own in names.items() if name not in common)
        for part, names in named.items()
    }
    return Joined({name: {part: named[part][name] for part in named} for name in sorted(common)}, alone)


def _named(part: str, classes: Sequence[str], match: Match, mapped: Mapping[str, str]) -> dict[str, str]:
    """Name in common → own name."""
    found: dict[str, str] = {}
    for own in classes:
        name = mapped.get(own, own)
        key = normalised(name) if match == "normalised" else name
        if key in found:
            raise DataError(
                f"'{part}' has two classes for '{key}': '{found[key]}' and '{own}'; set `match: exact`, or give "
                "them different names in `mapping`"
            )
        found[key] = own
    return found


def normalised(name: str) -> str:
    """A name whose case, form of letters, punctuation and spaces do not matter: ``Ice_Cream`` →
    ``ice cream``; what is nothing but punctuation stays."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return _BREAKS.sub(" ", plain).strip() or plain


def read_mapping(given: Path | Mapping[str, Mapping[str, str]] | None, parts: Sequence[str]) -> Mapped:
    """The names in common, from a YAML or JSON file or as they stand in the configuration.

    Raises:
        DataError: the file cannot be read, is no such mapping, or names an unknown part.
    """
    if given is None:
        return {}
    where = "mapping" if isinstance(given, Mapping) else str(given)
    found: Any = given if isinstance(given, Mapping) else _read(given)
    form = f"{where}: write {{part: {{its name of a class: the name in common}}}}"
    if not isinstance(found, Mapping):
        raise DataError(form)
    for part, names in cast("Mapping[Any, Any]", found).items():
        if part not in parts:
            raise DataError(
                f"{where}: there is no part '{part}'{nearest(str(part), parts)} (parts: {listing(parts)})"
            )
        if not isinstance(names, Mapping) or not all(
            isinstance(one, str) for pair in cast("Mapping[Any, Any]", names).items() for one in pair
        ):
            raise DataError(f"{form}; names are texts, numbers in quotes")
    return cast("Mapped", found)


def unknown_names(mapped: Mapped, classes: Mapping[str, Sequence[str]]) -> str:
    """What a mapping names that no split of its part has; empty where all is there."""
    for part, names in mapped.items():
        known = set(classes[part])
        for own in names:
            if own not in known:
                return f"mapping: '{part}' has no class '{own}'{nearest(own, known)}"
    return ""


def _read(path: Path) -> Any:
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig")
        return json.loads(text) if path.suffix == ".json" else parse(text)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not valid {'JSON' if path.suffix == '.json' else 'YAML'}: {error}"
        ) from error
