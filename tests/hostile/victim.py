"""A process that is given hostile input, watched by the tests: what became of each piece, in what time and memory.

Lines of JSON come in (``{"do": name, "with": arguments}``), one line goes out for each. What the product does
to the machine beside answering is seen by an audit hook: writing outside of the folder that it was given,
starting programs, opening connections, unpickling.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEADROOM = 3 * 2**30
"""Bytes of address space that may be taken on top of what the libraries take: beyond it is a blow-up."""

_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.startfile",
    "pty.spawn",
)
_CONNECTS = (
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "urllib.Request",
    "webbrowser.open",
)
_WRITES = ("os.mkdir", "os.rename", "os.symlink", "os.link", "os.truncate", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

watched = False
escaped: list[str] = []
inside: list[str] = ["/dev/"]


def audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what no input may bring about."""
    if not watched:
        return
    if event in _STARTS or event in _CONNECTS or event == "pickle.find_class":
        escaped.append(f"{event} {arguments[:2]!r:.120}")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        _written(event, arguments[0])
    elif event in _WRITES:
        for path in arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]:
            _written(event, path)


def _written(event: str, path: Any) -> None:
    if isinstance(path, int):
        return
    real = os.path.realpath(os.fsdecode(path))
    if not any(real.startswith(one) for one in inside):
        escaped.append(f"{event} {real:.200}")


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


@contextlib.contextmanager
def _watching() -> Iterator[None]:
    global watched
    escaped.clear()
    watched = True
    try:
        yield
    finally:
        watched = False


def attempt(do: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do it, and tell how it ended."""
    from kshot.errors import KshotError

    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, began = _memory("VmRSS"), time.perf_counter()
    found: dict[str, Any] = {}
    try:
        with _watching():
            found = {"end": "fine", "value": do(**arguments)}
    except KshotError as error:
        found = {"end": "refused", "message": str(error), "kind": type(error).__name__}
    except ValueError as error:  # what a decoder promises; a source or a reader puts a place in front of it
        found = {"end": "unfit", "message": str(error), "kind": type(error).__name__}
    except BaseException as error:
        message = "".join(traceback.format_exception(error))[-3000:]
        found = {"end": "broke", "message": message, "kind": type(error).__name__}
    found["seconds"] = time.perf_counter() - began
    found["grown"] = max(0, _memory("VmHWM") - before)
    found["escaped"] = list(escaped)
    return found


def main() -> None:
    """Answer until nobody asks."""
    folder = Path(sys.argv[1])
    inside.extend(os.path.realpath(one) + "/" for one in (folder, os.environ["KSHOT_CACHE"]))
    talk, sys.stdout = sys.stdout, io.StringIO()
    from tests.hostile import deeds

    deeds.prepare()
    sys.addaudithook(audit)
    size = _memory("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (size + HEADROOM, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", file=talk, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = attempt(getattr(deeds, asked["do"]), asked["with"])
        print(json.dumps(answer, default=str), file=talk, flush=True)


if __name__ == "__main__":
    main()
