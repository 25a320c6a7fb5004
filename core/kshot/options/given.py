"""What a factory is given: a spec's own options, and the configuration's over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kshot.errors import KshotError, listing, nearest
from kshot.specs import EncoderSpec, SourceSpec, Spec


def given_options(spec: Spec, options: Mapping[str, Any], after_colon: str | None) -> dict[str, Any]:
    """The options of one entry, not yet checked against its factory.

    Args:
        spec: what the name stands for.
        options: as the configuration has them.
        after_colon: what follows the name, in ``use: name:value``.

    Raises:
        KshotError: the spec takes nothing after a colon, an option is given twice, or a published
            split is not among the source's.
    """
    given = dict(options)
    if after_colon is not None:
        takes = _takes(spec)
        if takes in given:
            raise KshotError(f"'{spec.name}' is given '{takes}' twice, after the colon and as a key")
        given[takes] = after_colon
    if isinstance(spec, SourceSpec):
        given = {**spec.options, **given}
        if spec.splits and isinstance(given.get("split"), str):
            given["split"] = _published(spec, given["split"])
    return given


def _takes(spec: Spec) -> str:
    takes = spec.takes if isinstance(spec, EncoderSpec) else ""
    if not takes:
        raise KshotError(f"'{spec.name}' takes nothing after a colon; write its options as keys of their own")
    return takes


def _published(spec: SourceSpec, name: str) -> Any:
    if name not in spec.splits:
        raise KshotError(
            f"'{spec.name}' has no published split '{name}'{nearest(name, spec.splits)} "
            f"(it has: {listing(spec.splits)})"
        )
    return spec.splits[name]
