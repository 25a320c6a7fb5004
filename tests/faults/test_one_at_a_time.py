"""Two runs on one folder, and runs that are asked to stop: real processes."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from kshot import results
from kshot.benchmark.exclusive import HOLDER, exclusive
from kshot.errors import KshotError

from tests.conftest import Site

from .conftest import Bench

IN_TRAINING = r"pass in training of .*, \d+ after a checkpoint"


def test_the_second_run_on_a_folder_is_refused_and_readers_are_not(
    bench: Bench, site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first, _ = bench.at(out, 1, IN_TRAINING)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    second = bench.run(out)
    assert second.returncode == 2
    [line] = second.stderr.splitlines()
    for said in (f"kshot: {out}: process {first.pid} on {socket.gethostname()}", "since 20", "--out"):
        assert said in line
    assert {path: path.read_bytes() for path in before} == before
    for command in (["check", str(bench.config)], ["report", str(out)]):
        reading = site.run("-m", "kshot", *command)
        assert reading.returncode == 0, reading.stderr
    first.kill()
    first.communicate(timeout=60)
    assert (out / HOLDER).is_file(), "what a killed run says of itself stays, and is nobody's lock"
    bench.here(out)
    assert not (out / HOLDER).exists()
    [cell] = results.load(out).cells
    assert cell.status == "finished"


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_run_that_is_asked_to_stop_says_how_to_go_on(
    bench: Bench, tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process inherits that it is ignored
    try:
        process, _ = bench.at(tmp_path / "out", 1, IN_TRAINING)
    finally:
        signal.signal(signal.SIGINT, before)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err == f"kshot: {word}; what is finished is kept, and the same command goes on from there\n"
    assert not (tmp_path / "out" / HOLDER).exists()


def test_what_a_killed_run_left_half_written_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    own = [
        tmp_path / ".results.json.abcd_123.part",
        tmp_path / "cells/a/.cell.json.12345678.part",
        tmp_path / "cells/a/.tmpAb12Cd",
    ]
    others = [tmp_path / "notes.part", tmp_path / "cells/a/deeper/.x.12345678.part", tmp_path / ".x.part"]
    for path in (*own, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with exclusive(tmp_path):
        assert not any(path.exists() for path in own)
        assert all(path.exists() for path in others)
        with pytest.raises(KshotError, match="has been running there since"), exclusive(tmp_path):
            pass
    with exclusive(tmp_path):
        pass
