"""The spine on a CUDA device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kshot import EncoderSpec
from kshot.benchmark import run_benchmark
from kshot.results import without_times

from .conftest import plan, run, toy_registry

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


def test_a_gpu_that_is_short_of_memory_takes_half_a_meta_batch(tmp_path: Path) -> None:
    """Four episodes of 30 examples take 480 MiB, two of them 240."""
    hungry = EncoderSpec("hungry", "takes memory", "tests.integration.failing:hungry", modality="toy")
    registry = toy_registry(("encoders", hungry))
    asked = plan(registry, encoders={"toy": "hungry"}, learners=["prototypical"])
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + 300 * 2**20
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        [cell] = run_benchmark(asked, tmp_path, "toy.yaml", torch.device("cuda")).cells
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert cell.error is None
    assert cell.train.at_once == 2


@pytest.mark.parametrize("learner", ["prototypical", "matching", "siamese", "maml", "meta_lstm"])
def test_a_gpu_repeats_itself_to_the_bit_under_the_flags(
    tmp_path: Path, learner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        asked = plan(learners=[learner], evaluate={"shapes": ["5w1s"], "queries": 5, "episodes": 30})
        one, other = (
            run_benchmark(asked, tmp_path / name, "toy.yaml", torch.device("cuda"))
            for name in ("one", "other")
        )
    finally:
        torch.use_deterministic_algorithms(before)
    assert [cell.error for cell in one.cells] == [None]
    assert without_times(one) == without_times(other)
