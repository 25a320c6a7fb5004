"""How long a thread that waits for another keeps its core busy."""

from __future__ import annotations

import os

_TURNS = "1000"
"""Some microseconds. On two idle cores training is as fast as with the library's 300,000; where other programs
compute too it was 50 times as fast (100 episodes of a recurrent network: 1 s, not 57)."""

_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def wait_briefly() -> None:
    """Let threads of GNU OpenMP, which computes for torch on Linux, soon give up their core while they wait.

    They look for work without a pause, as if the cores were theirs alone; a thread that has none of the
    cores then keeps all others waiting. The library reads this once, so torch must not be imported yet.
    A user's own settings stay.
    """
    if not any(name in os.environ for name in _VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = _TURNS
