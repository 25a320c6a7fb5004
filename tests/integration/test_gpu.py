"""The spine on a CUDA device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kshot.benchmark import run_benchmark

from .conftest import plan, run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here"),
]


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
@pytest.mark.parametrize("trained", ["none", "all"])
def test_a_gpu_agrees_with_the_cpu(tmp_path: Path, policy: str, trained: str) -> None:
    changes = {
        "encoders": {"toy": {"use": "toy_encoder", "train": trained}},
        "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 100, "batch_statistics": policy},
    }
    [one] = run(tmp_path / "cpu", **changes).cells
    [other] = run_benchmark(plan(**changes), tmp_path / "gpu", "toy.yaml", torch.device("cuda")).cells
    assert other.error is None
    assert other.scores[0].manifest == one.scores[0].manifest
    assert other.scores[0].accuracy == pytest.approx(one.scores[0].accuracy, abs=0.05)
    assert (other.train.peak_memory_bytes or 0) > 0
