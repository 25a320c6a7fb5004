"""What goes wrong inside a cell, in one run: each cell ends in a defined state, and the others do not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from kshot import results
from safetensors.torch import load_file

from tests.conftest import Site

FITS, EPISODE = 60, 30
"""Examples for which the short of memory has room, and those of one episode."""

CONFIGURATION: dict[str, Any] = {
    "name": "faulty",
    "sources": {"toy": None},
    "encoders": {
        "toy": [
            {"id": "roomy", "use": "hungry"},
            {"id": "short", "use": "hungry", "most": FITS},
            {"id": "starved", "use": "hungry", "most": EPISODE - 1},
            "raising",
            "diverging",
        ]
    },
    "learners": [
        {"id": "plain", "use": "prototypical"},
        # Its support and queries pass the encoder episode by episode, in evaluation too.
        {"id": "by_support", "use": "prototypical", "evaluate": {"batch_statistics": "support"}},
    ],
    "leave_out": ["by_support.starved.*", "by_support.raising.*", "by_support.diverging.*"],
    "train": {
        "episodes": 48,
        "meta_batch": 4,
        # Adam would make steps of the rounding in gradients that are zero, as of a bias before a batch norm.
        "optimizer": "sgd",
        "learning_rate": 0.003,
        "validations": 12,
        "validation_episodes": 8,
    },
    "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 40},
}

MEND = (
    "take fewer shots or queries, a smaller encoder, train.precision: bfloat16 or, where the encoder trains, its "
    "gradient_checkpointing: true"
)


def test_each_fault_of_a_cell_ends_in_a_state_and_one_message(site: Site, tmp_path: Path) -> None:
    """Out of memory, NaN, an exception in the middle of an episode, and an observer that raises at each of them."""
    site.install("faulty")
    config, out = tmp_path / "faulty.yaml", tmp_path / "out"
    config.write_text(yaml.safe_dump(CONFIGURATION))
    arguments = ("-m", "kshot", "bench", str(config), "--out", str(out), "--device", "cpu")
    done = site.run(*arguments, OMP_NUM_THREADS="1", KSHOT_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 1, done.stderr
    found = {cell.id.removesuffix(".toy.0"): cell for cell in results.load(out).cells}

    errors = {name: cell.error for name, cell in found.items() if cell.status == "failed"}
    assert errors == {
        "plain.starved": "one episode alone does not fit into memory "
        f"(CUDA out of memory. Tried to allocate 2.00 GiB); {MEND}",
        "plain.raising": "RuntimeError: the ink ran dry",
        "plain.diverging": "the training loss was not finite in step 5; lower train.learning_rate or set train.clip",
    }
    traceback = (out / "cells" / found["plain.raising"].id / "traceback.txt").read_text()
    assert "in spoilt" in traceback
    kept = load_file(out / "cells" / found["plain.diverging"].id / "checkpoint.safetensors")
    assert all(bool(value.isfinite().all()) for name, value in kept.items() if name.startswith("learner/"))

    at_once = {
        name: (cell.train.at_once, [one.at_once for one in cell.scores]) for name, cell in found.items()
    }
    for name, expected in {
        "plain.roomy": (None, [None]),
        "by_support.roomy": (None, [None]),
        "plain.short": (2, [None]),
        "by_support.short": (2, [2]),
    }.items():
        assert at_once[name] == expected
    assert found["by_support.short"].remarks == [
        "memory held 2 training episodes at once",
        "memory held 2 test episodes at once",
    ]
    for learner in ("plain", "by_support"):
        same, short = found[f"{learner}.roomy"], found[f"{learner}.short"]
        assert short.scores[0].accuracy == pytest.approx(same.scores[0].accuracy, abs=0.01)
        for before, after in zip(same.curve, short.curve, strict=True):
            assert after.loss == pytest.approx(before.loss, abs=1e-5)
        one, other = (load_file(out / "cells" / cell.id / "learner.safetensors") for cell in (same, short))
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=1e-4, msg=name)

    said = done.stderr.splitlines()
    assert sorted(line for line in said if "memory" in line) == [
        "by_support.short.toy.0: memory is short; 2 episodes are classified at once",
        "by_support.short.toy.0: memory is short; the gradient of a meta-batch is summed over 2 episodes at once",
        "plain.short.toy.0: memory is short; the gradient of a meta-batch is summed over 2 episodes at once",
    ]
    for ink in ("the start", "a batch", "the end"):
        [line] = [line for line in said if f"no ink for {ink}" in line]
        assert "faulty" in line
    assert len(said) == 6, "nothing else is said"
