"""Several processes train as one does: same losses, same weights; and none waits for one that failed."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kshot.training import Alone
from safetensors.torch import load_file

SCRIPTS = Path(__file__).parent / "scripts"


def launch(script: str, *arguments: str, processes: int = 2) -> list[subprocess.CompletedProcess[str]]:
    """Run a script in several processes that find each other, without a launcher that would end them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [
        subprocess.Popen(
            [sys.executable, str(SCRIPTS / script), *arguments],
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "LOCAL_WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        return [
            subprocess.CompletedProcess(one.args, one.returncode, *texts)
            for one in started
            for texts in [one.communicate(timeout=120)]
        ]
    finally:
        for one in started:
            one.kill()


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("trained_together", SCRIPTS / "trained_together.py")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    alone = module.everything(Alone(), tmp_path / "alone")
    for ended in launch("trained_together.py", str(tmp_path / "kept")):
        assert ended.returncode == 0, ended.stderr
    leads, follows = load_file(tmp_path / "kept"), load_file(tmp_path / "kept.other")
    assert alone.keys() == leads.keys() == follows.keys()
    for name, value in alone.items():
        assert torch.equal(leads[name], follows[name]), name
        tolerance = 1e-6 if name.endswith("/losses") else 1e-9  # losses are summed in single precision
        torch.testing.assert_close(leads[name], value, rtol=0, atol=tolerance, msg=name)
        if "num_batches" in name:
            assert int(value) == (23 if "/5/" in name else 3)
    for name in [name for name in leads if name.startswith("resumed/")]:
        assert torch.equal(leads[name], leads[name.replace("resumed", "siamese")]), name
    # Or all of this would say nothing.
    assert not torch.equal(alone["maml/5/encoder.inner.norm.running_mean"], torch.zeros(32).double())
    assert len(alone["meta_lstm/5/losses"]) == 5
    assert int(alone["siamese/5/episodes_seen"]) == 23


@pytest.mark.slow
def test_a_process_that_fails_is_heard_of_by_the_other() -> None:
    leads, follows = launch("failed_together.py")
    said = leads.stdout.splitlines()
    starved = (
        "one episode alone does not fit into memory (CUDA out of memory. Tried to allocate 2.00 GiB); take fewer "
        "shots or queries, a smaller encoder, train.precision: bfloat16 or, where the encoder trains, its "
        "gradient_checkpointing: true"
    )
    assert said[:7] == [
        "apart: one process goes on after 4 episodes, another after 8: their checkpoints differ; "
        "let all processes see one results folder",
        "raises: CellError: RuntimeError: out of memory, say (in process 2 of 2)",
        "leaves: CellError: SystemExit: 7 (in process 2 of 2)",
        "breaks: CellError: the training loss was not finite in step 3; lower train.learning_rate or set train.clip",
        "good: trained",
        "short: trained, 1 at once",
        f"starved: CellError: {starved} (in process 2 of 2)",
    ]
    assert follows.stdout.splitlines() == [
        said[0],
        "raises: RuntimeError: out of memory, say",
        "leaves: SystemExit: 7",
        *said[3:6],
        f"starved: CellError: {starved}",
    ]
    assert said[7].startswith("dies: ProcessError: a process that trains with this one ended")
    assert (leads.returncode, follows.returncode) == (0, 3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted where Linux lists them")
def test_no_thread_of_the_group_outlives_it() -> None:
    # One that lets its last message go while the interpreter ends aborts the process.
    for ended in launch("left_together.py"):
        assert (ended.returncode, ended.stdout) == (0, "True 0\n"), ended.stderr


@pytest.mark.slow
def test_accelerate_launches_a_benchmark(tmp_path: Path) -> None:
    pytest.importorskip("kshot_image", reason="kshot-image is not installed")
    content = {
        "name": "shared",
        "sources": {"glyphs": None},
        "encoders": {"image": {"use": "conv4", "width": 8}},
        "learners": [
            "prototypical",
            {"use": "maml", "inner_steps": 1, "pretrain": {"epochs": 1}},
            # A rate at which learning goes astray, so that the first validation stays the best.
            {
                "id": "patient",
                "use": "prototypical",
                "train": {"validations": 3, "patience": 1, "learning_rate": 1.0},
            },
        ],
        "train": {"episodes": 9, "meta_batch": 3, "queries": 2, "validations": 1, "validation_episodes": 5},
        "evaluate": {"shapes": ["5w1s"], "queries": 3, "episodes": 20},
    }
    config = tmp_path / "shared.yaml"
    config.write_text(yaml.safe_dump(content))
    command = ["-m", "kshot", "bench", str(config), "--device", "cpu", "--out"]
    launcher = ["accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    launcher += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "KSHOT_CACHE": str(tmp_path / "cache")}

    def bench(*start: str, out: str) -> tuple[str, list[dict[str, Any]]]:
        ended = subprocess.run(
            [sys.executable, *start, *command, str(tmp_path / out)],
            env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout, json.loads((tmp_path / out / "results.json").read_text())["cells"]

    _, alone = bench(out="alone")
    said, shared = bench("-m", *launcher, out="shared")
    assert said.count("[3/3]") == 1, "only one process tells"
    for one, other in zip(alone, shared, strict=True):
        assert one["status"] == other["status"] == "finished"
        assert one["train"]["episodes"] == other["train"]["episodes"]
        assert one["train"]["pretrain_epochs"] == other["train"]["pretrain_epochs"]
        for before, after in zip(one["curve"], other["curve"], strict=True):
            assert before["loss"] == pytest.approx(after["loss"], abs=1e-4)
        assert one["scores"][0]["manifest"] == other["scores"][0]["manifest"]
        assert one["scores"][0]["accuracy"] == pytest.approx(other["scores"][0]["accuracy"], abs=0.01)
