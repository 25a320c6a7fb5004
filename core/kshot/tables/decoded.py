"""Which contents have been decoded without complaint, so that no later opening decodes them again."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, final

from kshot.files import cache_dir, write_atomic

DIGEST = hashlib.sha256().digest_size


@final
class DecodedContents:
    """The hashes of contents that one function decodes, kept on disk from opening to opening.

    They lie joined in files that are never changed, each named by its own content, so writers need
    no lock. Contents that are refused are not remembered: they are few, and a newer library may read
    them.

    Args:
        decode: a module's function, without state, or a ``functools.partial`` of one; another one, or
            the same in a file that has changed, has a memory of its own.
    """

    def __init__(self, decode: Callable[[Any], Any]) -> None:
        self._folder = cache_dir("decoded", _identity(decode))
        self._known = {digest for path in self._folder.glob("*.sha256") for digest in _digests(path)}

    def __contains__(self, digest: str) -> bool:
        return bytes.fromhex(digest) in self._known

    def add(self, digests: Iterable[str]) -> None:
        """Remember the contents of these hashes, in hexadecimal digits."""
        new = sorted({bytes.fromhex(digest) for digest in digests} - self._known)
        self._known.update(new)
        if new:
            content = b"".join(new)
            write_atomic(self._folder / f"{hashlib.sha256(content).hexdigest()}.sha256", content)


def _digests(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [content[start : start + DIGEST] for start in range(0, len(content) - DIGEST + 1, DIGEST)]


def _identity(decode: Callable[[Any], Any]) -> str:
    given = ""
    if isinstance(decode, functools.partial):
        given = repr((decode.args, sorted(decode.keywords.items())))
        decode = decode.func
    try:
        code = Path(inspect.getfile(decode)).read_bytes()
    except (TypeError, OSError):  # a built-in function
        code = b""
    name = f"{decode.__module__}:{decode.__qualname__}{given}"
    return hashlib.sha256(name.encode() + b"\0" + code).hexdigest()
