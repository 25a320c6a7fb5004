"""One contender at one row, in a process of its own: told how many units to do, it says how long they took.

    python worker.py CONTENDER ROW

It answers lines on standard input with lines of JSON on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time


def main() -> None:
    """Build the work, then do it as often as asked."""
    contender, row = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        run = importlib.import_module(contender).ROWS[row]()
        run(1)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers, flush=True)
        return
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        started, used = time.perf_counter(), _used()
        run(int(line))
        seconds, own = time.perf_counter() - started, _used() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps({"seconds": seconds, "cpu": own, "peak": peak}), file=answers, flush=True)


def _used() -> float:
    """Processor seconds of this process and of those that it started and waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
