"""A registry that knows the toy source and encoder, and configurations over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pluggy
import pytest
import torch
from kshot import EncoderSpec, SourceSpec, builtin, hookspecs
from kshot.benchmark import Plan, make_plan, run_benchmark
from kshot.registry import Entry, PluginReport, Registry
from kshot.results import Results
from kshot.specs import Spec

SPECS: list[tuple[str, Spec]] = [
    ("encoders", EncoderSpec("toy_encoder", "a perceptron", "kshot.testing.toy:toy_encoder", modality="toy")),
    ("sources", SourceSpec("toy", "separable vectors", "kshot.testing.toy:Toy", modality="toy")),
    *(("learners", spec) for spec in builtin.kshot_learners()),
    *(("metrics", spec) for spec in builtin.kshot_metrics()),
]


def toy_registry(*more: tuple[str, Spec]) -> Registry:
    """A registry of the core's specs and the toy's, in this process."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    entries = [Entry(kind, spec, "toy", "kshot-toy", "1.0") for kind, spec in (*SPECS, *more)]
    return Registry(manager, [PluginReport("toy", "kshot-toy", "1.0", "toy")], entries)


def configuration(**changes: Any) -> dict[str, Any]:
    """A small benchmark on the toy; keyword arguments replace top-level keys."""
    return {
        "name": "toy-run",
        "sources": {"toy": None},
        "encoders": {"toy": "toy_encoder"},
        "learners": ["prototypical"],
        "train": {"episodes": 60, "meta_batch": 4, "learning_rate": 0.003, "validations": 2},
        "evaluate": {"shapes": ["5w1s", "3w2s"], "queries": 5, "episodes": 40},
        **changes,
    }


def run(folder: Path, registry: Registry | None = None, **changes: Any) -> Results:
    """Plan and run a toy benchmark."""
    return run_benchmark(plan(registry, **changes), folder, "toy.yaml", torch.device("cpu"))


def plan(registry: Registry | None = None, **changes: Any) -> Plan:
    """Plan a toy benchmark."""
    return make_plan(configuration(**changes), "toy.yaml", registry or toy_registry())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path_factory.mktemp("cache")))
