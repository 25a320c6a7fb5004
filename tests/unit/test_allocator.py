"""Freed memory is kept where glibc allocates it, and nothing happens elsewhere."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest
from kshot import allocator

FAULTS = """
import resource, sys
import numpy as np
from kshot.allocator import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

if "keep" in sys.argv:
    keep_freed_memory()
np.ones(2**23)
before = faults()
for _ in range(4):
    np.ones(2**23)
print(faults() - before)
"""


def faults(*arguments: str) -> int:
    """Page faults of a process that takes and frees 64 MiB four times."""
    command = [sys.executable, "-c", FAULTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_what_is_freed_is_taken_again_without_new_pages() -> None:
    assert faults("keep") < faults() / 4


def test_a_users_own_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("looked for"))
    allocator.keep_freed_memory.__wrapped__()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("looked for"))
    allocator.keep_freed_memory.__wrapped__()


def test_a_library_without_such_settings_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    allocator.keep_freed_memory.__wrapped__()
