"""One run at a time in a folder: a lock of the operating system, which dies with its process."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kshot.errors import KshotError
from kshot.files import cannot_write, remove_parts, write_atomic

LOCK = ".lock"
HOLDER = ".running.json"
"""Who holds the lock: beside it, since a file that is locked cannot be read everywhere."""

BELOW = ("samples", "worst", "pretrained")
"""Folders in a run's folder, beside the cells'."""


@contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Hold a run's folder, and clear away what a run that was killed left half written.

    Reading needs no lock: files are replaced whole.

    Args:
        folder: of the run; made where it is not there.

    Raises:
        KshotError: another run holds it; names the process.
        StorageError: the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise KshotError(f"{folder}: {_held(folder)}") from None
    except OSError as error:
        raise cannot_write(folder / LOCK, error) from error
    try:
        for written in (folder, *(folder / name for name in BELOW), *folder.glob("cells/*/")):
            remove_parts(written)
        write_atomic(folder / HOLDER, json.dumps(_holder()))
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder() -> dict[str, Any]:
    now = datetime.now(UTC).astimezone().isoformat(sep=" ", timespec="seconds")
    return {"process": os.getpid(), "host": socket.gethostname(), "since": now}


def _held(folder: Path) -> str:
    try:
        by = json.loads((folder / HOLDER).read_bytes())
        who = f"process {by['process']} on {by['host']} has been running there since {by['since']}"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun, or is about to end
        who = "another process is running there"
    return f"{who}; wait for it, stop it, or choose another folder with --out"
