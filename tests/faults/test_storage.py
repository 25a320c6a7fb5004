"""No room, and no permission: one error each, nothing half written, and the run goes on once that is mended."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from kshot.benchmark.exclusive import exclusive
from kshot.errors import StorageError

from tests.classifier.things import texts
from tests.conftest import Site

from .conftest import CONFIGURATION, Bench, check_whole
from .test_killed import figures

LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # which would be cut short, and read by others
from kshot.cli import main
room = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
sys.exit(main(sys.argv[2:]))
"""

IN_A_NAMESPACE = """
import os, sys
os.execvp("unshare", ["unshare", "--map-root-user", "--mount", "sh", "-c", *sys.argv[1:]])
"""


@pytest.fixture
def may_mount() -> None:
    """Skip where this user may not mount a file system that only its own processes see."""
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    if shutil.which("unshare") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(
            "this user may not mount a file system; the tests with a limit on file sizes stand for it"
        )


def test_a_folder_that_cannot_be_held(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*; choose a folder"), exclusive(tmp_path / "file"):
        pass


def test_files_that_may_not_grow_are_one_error_and_the_run_goes_on_once_they_may(
    bench: Bench, site: Site, tmp_path: Path
) -> None:
    """As on a disk that is full, a write ends halfway."""
    out = tmp_path / "out"
    arguments = ["bench", str(bench.config), "--out", str(out), "--device", "cpu"]
    full = site.run("-c", LIMITED, "6000", *arguments)
    assert full.returncode == 2
    [line] = full.stderr.splitlines()
    assert line.startswith("kshot: cannot write ")
    assert line.endswith("checkpoint.safetensors: File too large; make room and run the same command again")
    assert not list(out.rglob("*.part"))
    check_whole(out)
    bench.here(out)


def test_a_classifier_that_finds_no_room_is_one_error(site: Site, tmp_path: Path) -> None:
    pytest.importorskip("kshot_text", reason="kshot-text is not installed")
    data, model = tmp_path / "texts.csv", tmp_path / "models" / "m.kshot"
    with data.open("w") as stream:
        csv.writer(stream).writerows([["text", "label"], *zip(*texts(), strict=True)])
    full = site.run(
        "-c", LIMITED, "100000", "fit", str(data), "--encoder", "tfidf", "--draws", "0", "--out", str(model)
    )
    assert full.returncode == 2
    assert (
        full.stderr
        == f"kshot: cannot write {model}: File too large; make room and run the same command again\n"
    )
    assert list(model.parent.iterdir()) == []


@pytest.mark.usefixtures("may_mount")
def test_a_folder_that_cannot_be_written_is_one_error(bench: Bench, site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run = f"{sys.executable} -m kshot bench {bench.config} --out {out} --device cpu"
    refused = site.run("-c", IN_A_NAMESPACE, f"mount -t tmpfs -o ro none {out} && {run}")
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"kshot: cannot write {out}/")
    assert line.endswith(": Read-only file system; choose a folder that can be written")
    assert refused.stdout == ""


@pytest.mark.slow
@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize(("size", "of"), [("12k", "out"), ("40k", "out"), ("12k", "cache")])
def test_a_full_disk_is_one_error_and_the_run_goes_on_once_there_is_room(
    bench: Bench, site: Site, tmp_path: Path, size: str, of: str
) -> None:
    frozen = {"use": "watched", "train": "none"} if of == "cache" else "watched"
    bench.config.write_text(yaml.safe_dump({**CONFIGURATION, "encoders": {"toy": frozen}}))
    whole, out, small = tmp_path / "whole", tmp_path / "out", tmp_path / of
    replace(bench.command(whole), variables={"KSHOT_CACHE": str(tmp_path / "another cache")}).here()
    small.mkdir()
    script = f"""
    run() {{ {sys.executable} -m kshot bench {bench.config} --out {out} --device cpu; }}
    mount -t tmpfs -o size={size} none {small} || exit 9
    run >/dev/null; echo $?
    find {small} -name '*.part' | wc -l
    mount -o remount,size=64m {small}
    run >/dev/null; echo $?
    cp -r {out} {tmp_path}/kept
    """
    done = site.run("-c", IN_A_NAMESPACE, script, KSHOT_CACHE=str(tmp_path / "cache"), OMP_NUM_THREADS="1")
    assert done.stdout.split() == ["2", "0", "0"], done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(f"kshot: cannot write {small}/")
    assert line.endswith(": No space left on device; make room and run the same command again")
    assert figures(tmp_path / "kept") == figures(whole)
