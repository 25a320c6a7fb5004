"""Files on disk: written whole or not at all, and a folder for what can be made again."""

from __future__ import annotations

import codecs
import contextlib
import errno
import hashlib
import itertools
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kshot.errors import StorageError

PART = ".part"
"""End of a temporary file's name."""

_LEFT = (f".*.????????{PART}", ".tmp??????")
"""Names of temporary files, ours and those of safetensors, which writes a part in a part of its own."""

CACHE = "KSHOT_CACHE"
"""The environment variable that names the folder for what can be made again."""

MAX_FILE = 2**30
"""Bytes of one example's file."""

_ENDS = re.compile("\r\n|\r")
"""Of lines, which reading as text makes one of."""

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

MENDS = {
    **dict.fromkeys(_FULL, "make room and run the same command again"),
    errno.ENAMETOOLONG: "take a shorter name",
}
"""What a user does about errors of the system, by their numbers, wherever they come from."""


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write ``content`` so that a reader sees the old file or the new one, never half of it."""
    data = content.encode() if isinstance(content, str) else content

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic_with(path, write)


def write_atomic_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, flush it to disk, then rename it.

    The folder is flushed too: once this returns, the file is there whatever becomes of the machine. As with a file
    that is written in its place, a link stays one and an older file keeps who may read and write it.

    Raises:
        StorageError: no room, no permission, or no folder where one should be.
    """
    place = Path(os.path.realpath(path))  # resolve() raises where links go in a circle
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=PART)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(_mode(place))
        temporary.replace(place)
        _flush_folder(place.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def read_bytes(path: Path, most: int = MAX_FILE) -> bytes:
    """A file's content.

    Raises:
        ValueError: it is a device or a pipe, which may never end, or has more bytes than ``most``.
        OSError: it cannot be read.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise ValueError(f"{path} is no ordinary file")
    with path.open("rb") as stream:
        content = stream.read(most + 1) if found.st_size <= most else b""
    if len(content) > most or found.st_size > most:
        raise ValueError(f"{path} has more than {most / 2**20:,.0f} MiB, which is no file of one example")
    return content


def read_text(path: Path) -> str:
    """A file's content in UTF-8, without a byte order mark and with ``\\n`` at the end of every line.

    Raises:
        ValueError: it is no text in UTF-8, a device or a pipe, or too long.
        OSError: it cannot be read.
    """
    return text_of(read_bytes(path))


def text_of(content: bytes) -> str:
    """Bytes in UTF-8 as text, without a byte order mark and with ``\\n`` at the end of every line.

    Raises:
        ValueError: it is in another encoding; with the mend.
    """
    try:
        return "\n".join(_ENDS.split(content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise ValueError(not_utf8(content)) from error


def not_utf8(start: bytes) -> str:
    """What to say of a text that is not in UTF-8, by how it begins."""
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin1"
    return f"not UTF-8 text; save it as UTF-8, as by `iconv -f {encoding} -t utf-8 OLD > NEW`"


def cannot_write(path: Path, error: OSError) -> StorageError:
    """The error for a file that the system does not let us write, with the mend."""
    mend = MENDS.get(error.errno or 0)
    if mend is None:
        name = f" as {CACHE}" if _is_cached(path) else ""
        mend = f"choose a folder{name} that can be written"
    return StorageError(f"cannot write {path}: {error.strerror or error}; {mend}")


def remove_parts(folder: Path, seconds: float = 0.0) -> None:
    """Remove what writers that were killed left behind in a folder, not below it.

    Args:
        folder: that nobody writes to meanwhile, unless ``seconds`` is longer than any writing takes.
        seconds: files stay whose time is nearer to the clock's, on either side: clocks are set back.
    """
    for part in itertools.chain.from_iterable(map(folder.glob, _LEFT)):
        with contextlib.suppress(OSError):  # another process was quicker
            if abs(time.time() - part.stat().st_mtime) >= seconds:
                part.unlink()


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mode(path: Path) -> int:
    """Who may read and write a file that is written: as it was, or as the process makes new ones."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:  # there is none yet
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _flush_folder(folder: Path) -> None:
    """Make a rename last; where a folder cannot be opened (Windows), the system sees to it."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # a file system that cannot flush folders
        pass
    finally:
        os.close(handle)


def cache_dir(*parts: str) -> Path:
    """A folder for what can be made again: below ``KSHOT_CACHE``, else the user's cache folder.

    Raises:
        StorageError: nothing names one, as in a container whose user has no home.
    """
    base = os.environ.get(CACHE)
    if not base:  # an empty one would be the current folder
        try:
            base = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kshot")
        except RuntimeError as error:
            raise StorageError(
                f"this user has no home folder for a cache; choose a folder as {CACHE} that can be written"
            ) from error
    return Path(base, *parts)


def _is_cached(path: Path) -> bool:
    try:
        return path.is_relative_to(cache_dir())
    except StorageError:
        return False
