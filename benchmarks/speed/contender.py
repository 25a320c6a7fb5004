"""A contender's process: started, told what to do, asked how long it took."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from load import Load

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Turn:
    """One turn: seconds, peak memory in MiB since the process began, busy cores that were not ours."""

    seconds: float
    peak: float
    foreign: float


class RefusedError(Exception):
    """The contender cannot do the row; the message says why."""


class Contender:
    """One contender at one row, idle between its turns.

    Args:
        python: interpreter that has what the contender needs.
        module: of this folder.
        row: its name there.

    Raises:
        RefusedError: it cannot do it.
    """

    def __init__(self, python: Path, module: str, row: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), module, row],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE)},
        )
        answer = self._answer()
        if "error" in answer:
            self._process.wait()
            raise RefusedError(answer["error"])

    def turn(self, count: int) -> Turn:
        """Do ``count`` units."""
        before = Load.now()
        assert self._process.stdin
        print(count, file=self._process.stdin, flush=True)
        answer = self._answer()
        return Turn(answer["seconds"], answer["peak"], before.foreign(answer["cpu"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RefusedError("its process ended without an answer")
        return json.loads(line)
