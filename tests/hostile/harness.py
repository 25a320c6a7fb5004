"""The watched process as tests use it, and what they ask of every ending."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

ROOT = Path(__file__).parents[2]
SECONDS = 20.0
"""That one piece of input may take, on a machine that is busy with other things."""
BYTES = 700 * 2**20
"""That one piece of input may add to the memory in use; a picture of MAX_PIXELS takes some of it."""
LONGEST = 10_000
"""Characters of a message that is one clear message."""

tried: dict[str, int] = {}
"""How many pieces of input each deed was given in this process: what docs/trust.md counts."""


@dataclass(frozen=True)
class Ending:
    """What became of a piece of input; see ``victim.attempt``."""

    end: str
    message: str = ""
    kind: str = ""
    value: Any = None
    seconds: float = 0.0
    grown: int = 0
    escaped: list[str] = field(default_factory=list)


@final
class Victim:
    """The process; it is started anew when it hangs or dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def do(self, deed: str, seconds: float = SECONDS, **arguments: Any) -> Ending:
        """Let it do something; how that ended. A hang and a crash are endings too."""
        tried[deed] = tried.get(deed, 0) + 1
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"do": deed, "with": arguments}) + "\n")
        process.stdin.flush()
        try:
            line = self._lines.get(timeout=2 * seconds)
        except queue.Empty:
            self.stop()
            return Ending("hung", f"no answer after {2 * seconds} s", seconds=2 * seconds)
        if not line:
            code = process.wait(10)
            self.stop()
            return Ending("died", f"the process ended with {code}")
        return Ending(**json.loads(line))

    def ends_well(self, deed: str, seconds: float = SECONDS, grown: int = BYTES, **arguments: Any) -> Ending:
        """The property of the whole house: it works, or one error says why not, soon and in bounds."""
        ending = self.do(deed, seconds, **arguments)
        assert ending.end in ("fine", "refused", "unfit"), f"{ending.end}: {ending.message}"
        assert not ending.escaped, ending.escaped
        assert ending.seconds < seconds, f"{ending.seconds:.1f} s: {ending.message:.300}"
        assert ending.grown < grown, f"{ending.grown / 2**20:.0f} MiB: {ending.message:.300}"
        assert len(ending.message) <= LONGEST, (
            f"a message of {len(ending.message)} characters: {ending.message:.300}"
        )
        assert ending.end == "fine" or ending.message.strip()
        return ending

    def stop(self) -> None:
        """End it; the next deed starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was written to it and never read
                        stream.close()
        self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None:
            return self._process
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KSHOT_")}
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        cache = self.folder / "cache"
        cache.mkdir(exist_ok=True)
        settings = {
            "PYTHONPATH": path,
            "KSHOT_CACHE": str(cache),
            "HF_HOME": str(cache / "hf"),
            "HF_DATASETS_CACHE": str(cache / "hf" / "datasets"),
            "HF_HUB_OFFLINE": "1",
            "TMPDIR": str(self.folder),
            "MPLCONFIGDIR": str(cache),
            "HOME": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.victim", str(self.folder)],
            env={**clean, **settings},
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._process, self._lines = process, queue.Queue()
        threading.Thread(target=_forward, args=(process.stdout, self._lines), daemon=True).start()
        assert self._lines.get(timeout=180) == "ready\n"
        return process


def _forward(stream: Any, lines: queue.Queue[str]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # closed meanwhile
        pass
    lines.put("")
