"""One key of a YAML file given another value, while all else stays as people wrote it, comments included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import yaml

from kshot.config.text import parse


def with_key(text: str, key: str, value: Mapping[str, Any]) -> str:
    """A file's text in which a key of the outermost mapping has another value; an empty one: no such key.

    Args:
        text: YAML of a block mapping.
        key: at its end, where it is new.
        value: what stands under it.

    Raises:
        ValueError: the file is written in a way that cannot be changed in one place.
    """
    before = cast("dict[str, Any]", parse(text) or {})
    wanted = {name: one for name, one in before.items() if name != key} | (
        {key: dict(value)} if value else {}
    )
    lines = text.splitlines(keepends=True)
    first = last = len(lines)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for name, node in root.value if isinstance(root, yaml.MappingNode) else ():
        if name.value == key:
            first, last = name.start_mark.line, _last_line(node) + 1
    written = yaml.safe_dump({key: dict(value)}, sort_keys=False, allow_unicode=True) if value else ""
    above = "".join(lines[:first])
    if written and above and not above.endswith("\n"):
        above += "\n"
    changed = above + written + "".join(lines[last:])
    try:
        good = (parse(changed) or {}) == wanted
    except ValueError:  # such as a mapping in braces
        good = False
    if not good:
        raise ValueError(f"'{key}' cannot be put in its place")
    return changed


def _last_line(node: yaml.Node) -> int:
    """The line where a value ends: a block's own end lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.line
