"""The page: one file without anything from elsewhere, and the policy that keeps it so."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

SCRIPTS = ("elements.js", "media.js", "giving.js", "answers.js", "classes.js", "main.js")
"""In the order in which they are read."""


@dataclass(frozen=True)
class Page:
    """The page as it is sent.

    Attributes:
        html: all of it.
        policy: its content security policy, which names its style and script by their hashes.
    """

    html: str
    policy: str


def page() -> Page:
    """Put the page together."""
    style = _part("page.css")
    script = '"use strict";\n' + "\n".join(map(_part, SCRIPTS))
    html = _part("page.html").replace("@STYLE@", style).replace("@SCRIPT@", script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html, policy)


def _part(name: str) -> str:
    return (files("kshot.serving") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
