"""A clock that is set back: what is finished stays finished, and what was left half written is cleared."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from kshot.files import remove_parts

from .conftest import Bench
from .test_killed import figures, finished

AHEAD = 400 * 24 * 3600.0


@pytest.mark.slow
def test_a_run_goes_on_though_its_files_are_of_the_future(bench: Bench, tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    bench.here(whole)
    print("killed at event", bench.kill(torn, 12, r"os\.rename cells/.*/outcomes\.npz"))
    left = [path for path in torn.rglob("*.part") if path.is_file()]
    assert left, "the process was killed between a temporary file and its name"
    for path in [*torn.rglob("*"), *torn.rglob(".*")]:
        os.utime(path, (time.time() + AHEAD,) * 2)
    resumed = bench.run(torn)
    assert resumed.returncode == 0, resumed.stderr
    assert figures(torn) == figures(whole)
    assert not [path for path in left if path.exists()]
    for path in torn.rglob("*"):
        os.utime(path, (time.time() + AHEAD,) * 2)
    before = finished(torn)
    bench.here(torn)
    assert finished(torn) == before


def test_a_temporary_file_is_left_alone_while_its_time_is_near_the_clocks(tmp_path: Path) -> None:
    ages = {"now": 0.0, "an hour ago": 3600.0, "in an hour": -3600.0, "a week ago": 7e5, "in a week": -7e5}
    paths = {when: tmp_path / f".x.{number:08d}.part" for number, when in enumerate(ages)}
    for when, age in ages.items():
        paths[when].touch()
        os.utime(paths[when], (time.time() - age,) * 2)
    remove_parts(tmp_path, 24 * 3600.0)
    assert [when for when in ages if paths[when].exists()] == ["now", "an hour ago", "in an hour"]
    remove_parts(tmp_path)
    assert not list(tmp_path.iterdir())
