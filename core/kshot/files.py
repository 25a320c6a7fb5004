"""Files on disk: written whole or not at all, and a folder for what can be made again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from kshot.errors import KshotError


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write ``content`` so that a reader sees the old file or the new one, never half of it."""
    data = content.encode() if isinstance(content, str) else content

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic_with(path, write)


def write_atomic_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to disk, then rename it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise KshotError(
            f"cannot write {path}: {error.strerror}; choose a folder that can be written"
        ) from error
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise KshotError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cache_dir(*parts: str) -> Path:
    """A folder for what can be made again: below ``KSHOT_CACHE``, else the user's cache folder."""
    base = os.environ.get("KSHOT_CACHE")
    if base is None:
        base = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kshot")
    return Path(base, *parts)
