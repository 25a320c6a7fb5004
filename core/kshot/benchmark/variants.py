"""The variants of a configuration's lists: option sweeps spelt out, each with an id of its own."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from kshot.config import EncoderVariant, Overrides, Tuning, Use, Variant

MAX_VARIANTS = 10_000
"""That all sweeps of one list may make; ten options of ten values would make ten thousand million."""

_ID = re.compile(r"[\w.+=,-]+")
_UNSAFE = re.compile(r"[^\w.+=,-]+")


@dataclass(frozen=True)
class Expanded:
    """One variant with its options' values fixed.

    Attributes:
        id: unique among its list.
        use: the registered name.
        options: what is passed to the factory.
        origin: the configuration's entry.
    """

    id: str
    use: str
    options: dict[str, Any]
    origin: Use

    @property
    def tuning(self) -> Tuning:
        """How the outer loop trains it; nothing of its own but for encoders."""
        return self.origin.tuning if isinstance(self.origin, EncoderVariant) else Tuning()

    @property
    def own(self) -> Overrides:
        """Settings of its own."""
        if isinstance(self.origin, EncoderVariant):
            return self.origin.settings
        return self.origin if isinstance(self.origin, Overrides) else Overrides()


def expand(variants: Sequence[Variant], where: str) -> tuple[list[Expanded], list[str]]:
    """Spell out sweeps (``{grid: [a, b]}``) and name every variant.

    A variant without an id is named after what it uses; where that is ambiguous, what differs
    is added.

    Returns:
        the variants, and a problem for each id that is malformed or stands twice, and each empty sweep.
    """
    count = sum(math.prod(map(len, _grids(variant).values())) for variant in variants)
    if count > MAX_VARIANTS:
        return [], [f"{where}: {count:,} variants; up to {MAX_VARIANTS:,} can be planned in one benchmark"]
    drafts = [draft for variant in variants for draft in _sweep(variant)]
    expanded = [
        replace(draft, id=_named(draft.id, _differing(draft, [one for one in drafts if one.id == draft.id])))
        for draft in drafts
    ]
    problems = [
        f"{where}: the id '{draft.id}' may hold letters, digits and '_.+=,-' only"
        for draft in expanded
        if not is_id(draft.id)
    ]
    twice = [name for name, count in Counter(draft.id for draft in expanded).items() if count > 1]
    problems += [
        f"{where}: two variants have the id '{name}'; give each an 'id' of its own" for name in twice
    ]
    problems += [
        f"{where}.{variant.id or variant.use}.{key}: a grid needs at least one value"
        for variant in variants
        for key, values in _grids(variant).items()
        if not values
    ]
    return expanded, problems


def is_id(name: str) -> bool:
    """True for a name that may stand in a cell's id."""
    return _ID.fullmatch(name) is not None


def _sweep(variant: Variant) -> list[Expanded]:
    swept = _grids(variant)
    drafts: list[Expanded] = []
    for values in itertools.product(*swept.values()):
        chosen = dict(zip(swept, values, strict=True))
        name = _named(variant.id or _plain(variant.use), chosen)
        drafts.append(Expanded(name, variant.use, {**variant.options, **chosen}, variant))
    return drafts


def _differing(draft: Expanded, namesakes: Sequence[Expanded]) -> dict[str, Any]:
    """What sets a draft apart from those of the same name; nothing where its entry has an id."""
    if isinstance(draft.origin, Variant) and draft.origin.id is not None:
        return {}
    told = [_told(one) for one in namesakes]
    return {key: value for key, value in _told(draft).items() if any(one.get(key) != value for one in told)}


def _told(draft: Expanded) -> dict[str, Any]:
    """All that a name may say: options, and how the outer loop trains it."""
    tuning = draft.tuning.told()
    if "lora" in tuning:
        tuning["rank"] = tuning.pop("lora")["rank"]
    return {**draft.options, **tuning}


def _grids(variant: Variant) -> dict[str, list[Any]]:
    """The options that sweep, with their values."""
    return {key: value["grid"] for key, value in variant.options.items() if _is_grid(value)}


def _is_grid(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"grid"} and isinstance(value["grid"], list)


def _plain(use: str) -> str:
    """``hf-image:facebook/dinov2-small`` as ``hf-image-dinov2-small``, in which a cell's folder may be named."""
    name, colon, after = use.partition(":")
    return f"{name}-{_UNSAFE.sub('-', PurePath(after).name)}" if colon else name


def _named(base: str, options: dict[str, Any]) -> str:
    return "+".join([base, *(_UNSAFE.sub("-", f"{key}={value}") for key, value in options.items())])
