"""kshot serve as it is started and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
from kshot import FewShotClassifier
from kshot.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(words: FewShotClassifier, tmp_path: Path) -> Path:
    words.save(tmp_path / "things.kshot")
    return tmp_path / "things.kshot"


@contextmanager
def started(model: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the line that it prints when it is there; it ends with the block."""
    command = [sys.executable, "-m", "kshot", "serve", str(model), "--port", "0", "--device", "cpu", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore interrupts, and their children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    overdue = Timer(120, process.kill)
    overdue.start()
    try:
        yield process, process.stdout.readline()
    finally:
        overdue.cancel()
        process.kill()
        process.communicate()


def test_it_says_where_it_is_and_leaves_when_told(model: Path) -> None:
    with started(model) as (process, line):
        assert line.startswith("things.kshot: http://127.0.0.1:")
        with urllib.request.urlopen(f"{line.split()[1]}healthz", timeout=20) as answer:
            assert answer.read() == b'{"status":"ok"}'
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (143, "kshot: terminated\n")


def test_whoever_opens_it_to_others_is_warned_and_told_of_changes_that_go(model: Path) -> None:
    with started(model, "--host", "0.0.0.0") as (process, line):
        asked = urllib.request.Request(f"{line.split()[1]}classes/cook", method="DELETE")
        with urllib.request.urlopen(asked, timeout=20):
            pass
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    warning, left, lost = told.splitlines()
    assert warning.startswith(
        "warning: whoever reaches this machine can use and change this classifier; there is no"
    )
    assert (left, lost) == ("kshot: ended", f"what was taught here is not in {model}")
    assert process.returncode == 0
    assert "cook" in FewShotClassifier.load(model).counts_


def test_a_request_that_is_cut_off_by_the_end_is_no_error(model: Path) -> None:
    with started(model) as (process, line):
        address = urllib.parse.urlsplit(line.split()[1])
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=20) as asking:
            head = f"POST /predict HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: application/json\r\n"
            asking.sendall(f"{head}content-length: 50\r\n\r\n{{".encode())
            with urllib.request.urlopen(f"{line.split()[1]}healthz", timeout=20):
                pass  # so the other is there, too
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (0, "kshot: ended\n")


def test_a_port_that_is_taken_is_told(model: Path, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", str(model), "--port", str(port)]) == 2
    assert f"cannot listen at 127.0.0.1, port {port}: " in capsys.readouterr().err
    assert main(["serve", str(model), "--host", "no.such.host.invalid"]) == 2
    assert "choose others by --host and --port" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_its_extra_it_says_what_to_install(
    model: Path, missing: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in [one for one in sys.modules if one.startswith(("kshot.serving", missing))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["serve", str(model)]) == 2
    assert "pip install 'kshot[serve]'" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from kshot.cli import main; main(['serve', '--help']); "
        "print(*sorted({'torch', 'numpy', 'fastapi', 'uvicorn'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "--allow-host" in done.stdout
    assert done.stderr.split() == []
