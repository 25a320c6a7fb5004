"""Docstrings say ``:class:`~kshot.interfaces.Encoder` ``; a page links that, where it documents it."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data):`(~?)([\w.]+)`")
LITERAL = re.compile(r"::$", re.MULTILINE)


class Roles(griffe.Extension):
    """Rewrites roles, and the two colons before a block, in every docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = LITERAL.sub(":", ROLE.sub(_linked, obj.docstring.value))


def _linked(match: re.Match[str]) -> str:
    short, name = match.groups()
    said = name.rpartition(".")[2] if short else name
    return f'<autoref identifier="{name}" optional><code>{said}</code></autoref>'
