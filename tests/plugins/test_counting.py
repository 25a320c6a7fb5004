"""A plugin, installed as any other, watches a run and counts its events."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.conftest import Site


def test_a_plugin_counts_the_events_of_a_run(site: Site, tmp_path: Path) -> None:
    site.install("counting")
    config, counts = tmp_path / "toy.yaml", tmp_path / "counts.json"
    described = {
        "name": "counted",
        "seeds": [0, 1],
        "sources": {"toy": None},
        "encoders": {"toy": "toy_encoder"},
        "learners": [
            "prototypical",
            {"id": "pretrained", "use": "prototypical", "pretrain": {"epochs": 3}},
            # The encoder has no adapters, which is known once it is built.
            {"use": "maml", "adapt": "lora"},
        ],
        "train": {"episodes": 20, "validations": 2, "validation_episodes": 3, "meta_batch": 4},
        "evaluate": {"shapes": ["5w1s", "5w2s"], "queries": 3, "episodes": 5},
    }
    config.write_text(yaml.safe_dump(described))
    arguments = ["-m", "kshot", "bench", str(config), "--out", str(tmp_path / "out"), "--device", "cpu"]
    done = site.run(*arguments, COUNTS=str(counts))
    assert done.returncode == 1, done.stderr
    assert json.loads(counts.read_text()) == {
        "run started": 1,
        "cells to run": 6,
        "stage data": 6,
        "stage pretrain": 2,
        "epochs": 2 * 3,
        "stage train": 4,
        "episodes": 4 * 20,
        "validations started": 4 * 2,
        "validations": 4 * 2,
        "batches of train": 4 * 5,
        "batches of train finished": 4 * 5,
        "episodes in batches of train": 4 * 20,
        "batches of validate": 4 * 2,
        "batches of validate finished": 4 * 2,
        "episodes in batches of validate": 4 * 2 * 3,
        "batches of evaluate": 4 * 2,
        "batches of evaluate finished": 4 * 2,
        "episodes in batches of evaluate": 4 * 2 * 5,
        "test episodes": 4 * 2 * 5,
        "stage evaluate": 4,
        "evaluations 5w1s": 4,
        "evaluations 5w2s": 4,
        "cells finished": 4,
        "cells failed": 2,
        "run finished": 1,
        "result": [4, 2],
    }
    again = site.run(*arguments, COUNTS=str(counts))
    assert again.returncode == 1
    assert json.loads(counts.read_text()) == {
        "run started": 1,
        "cells to run": 2,
        "stage data": 2,
        "cells failed": 2,
        "run finished": 1,
        "episodes": 0,
        "result": [4, 2],
    }
