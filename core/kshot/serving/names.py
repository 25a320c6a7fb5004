"""Names that clients give: of classes, which are kept, and of files, which are only shown."""

from __future__ import annotations

import re
import unicodedata

from kshot.serving.refusals import UNREADABLE, RefusedError

LONGEST = 100
"""Characters of a name."""

_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)


def class_name(given: str) -> str:
    """A class's name, without space around it and composed (a keyboard and a file system may spell é
    differently).

    Raises:
        RefusedError: none that can be shown and asked for.
    """
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise RefusedError(UNREADABLE, "the class needs a name")
    if len(name) > LONGEST:
        raise RefusedError(UNREADABLE, f"a class's name of {len(name)} characters; {LONGEST} are allowed")
    if name in (".", ".."):  # browsers take these out of an address
        raise RefusedError(UNREADABLE, f"'{name}' cannot be a class's name")
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in name):
        raise RefusedError(UNREADABLE, "a class's name holds a control character")
    return name


def file_name(given: str | None, number: int) -> str:
    """What to call a file that was sent: the last part of what its sender called it, as one short line.

    Args:
        given: by the client; nothing is ever opened by it.
        number: among those sent, from 1; its name where it has none.
    """
    last = _FOLDERS.sub("", given or "")
    plain = "".join(" " if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") else one for one in last)
    return plain.strip()[:LONGEST] or f"file {number}"
