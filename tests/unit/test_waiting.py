"""Threads that wait give their core to others, unless the user says otherwise."""

import os
import subprocess
import sys

import pytest

SHOWN = """
import os
from kshot.cli import main
code = main(["--version"])
import torch
torch.ones(3).add(1)
print("GOMP_SPINCOUNT" in os.environ, code)
"""


def spins(**variables: str) -> str:
    """What GNU OpenMP says of its settings as torch loads it, after a command of kshot's."""
    plain = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOWN],
        env={**plain, "OMP_DISPLAY_ENV": "verbose", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    if "GOMP_SPINCOUNT = " not in done.stderr:
        pytest.skip("torch does not compute by GNU OpenMP here")
    return done.stderr.split("GOMP_SPINCOUNT = ")[1].split("\n")[0]


def test_a_command_lets_threads_wait_briefly() -> None:
    assert spins() == "'1000'"


def test_what_the_user_set_stays() -> None:
    assert spins(GOMP_SPINCOUNT="7") == "'7'"
    assert spins(OMP_WAIT_POLICY="PASSIVE") == "'0'"
