"""A plugin that its author works on, as ``pip install -e`` leaves it: an edit is seen, though its version stays."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kshot import EncoderSpec, LearnerSpec, MetricSpec, SourceSpec
from kshot.benchmark import run as running
from kshot.registry import Registry
from kshot.registry import entry as entries

from .conftest import run, toy_registry

ENCODER = """
import numpy as np
import torch
from kshot.interfaces import Encoder

class Own(Encoder):
    modality, dim, pretrained = "toy", 4, True

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.eye(16)[:4])

    def prepare(self, raw):
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs):
        return inputs["values"] @ self.weight.T
"""

SOURCE = """
from kshot.interfaces import Source
from kshot.testing import Toy

inner = Toy()

class Own(Source):
    modality = "toy"
    def catalogue(self, split):
        return inner.catalogue(split)
    def fetch(self, row):
        return inner.fetch(row)
    def present(self, raw):
        return inner.present(raw)
"""

METRIC = """
def own(logits, labels):
    return (logits.argmax(-1) == labels).double().mean(-1)
"""

LEARNER = """
import torch
from kshot.learners.prototypical import Prototypical

def own(encoder: torch.nn.Module):
    return Prototypical(encoder, distance="cosine")
"""

TEXTS = {"encoders": ENCODER, "sources": SOURCE, "metrics": METRIC, "learners": LEARNER}
SPECS = {
    "encoders": EncoderSpec("own", "an encoder", "kshot_test_own_encoders:Own", modality="toy"),
    "sources": SourceSpec("own", "a source", "kshot_test_own_sources:Own", modality="toy"),
    "metrics": MetricSpec("own", "a metric", "kshot_test_own_metrics:own"),
    "learners": LearnerSpec("own", "a learner", "kshot_test_own_learners:own"),
}
FROZEN = {"encoders": {"toy": "own"}, "train": {"episodes": 0}}
CHOSEN = {
    "encoders": FROZEN,
    "sources": {**FROZEN, "sources": {"own": None}},
    "metrics": {
        **FROZEN,
        "evaluate": {"shapes": ["5w1s"], "queries": 5, "episodes": 20, "metrics": ["own"]},
    },
    "learners": {**FROZEN, "learners": ["own"]},
}
EDITS = {
    "encoders": ('inputs["values"] @', 'inputs["values"].flip(1) @'),
    "sources": ("return inner.fetch(row)", "return inner.fetch(row)[::-1].copy()"),
    "metrics": (".mean(-1)", ".mean(-1) / 2"),
    "learners": ('"cosine"', '"euclidean"'),
}


class Checkout:
    """Where the author works; ``begin`` is a command of its own after an edit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, **edited: str) -> Registry:
        """What a new process finds; ``edited`` texts stand in place of the plugin's own."""
        for kind, text in {**TEXTS, **edited}.items():
            name = f"kshot_test_own_{kind}"
            (self._folder / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return toy_registry(*SPECS.items())


@pytest.fixture(params=["checkout"])
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """Of all four plugins, in a folder of that name."""
    folder = tmp_path / request.param
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    # Two edits within a second: Python would take the earlier's compiled form for the later's.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Checkout(folder)
    for kind in TEXTS:
        sys.modules.pop(f"kshot_test_own_{kind}", None)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever cells are computed, not taken from an earlier run."""
    found, keep = list[str](), running._Store.keep

    def noted(store, cell, entry):
        found.append(cell.id)
        keep(store, cell, entry)

    monkeypatch.setattr(running._Store, "keep", noted)
    return found


def accuracy(folder: Path, registry: Registry, kind: str) -> float:
    """Of a short benchmark in which nothing trains."""
    [cell] = run(folder, registry, **CHOSEN[kind]).cells
    assert cell.error is None
    return cell.scores[0].accuracy


@pytest.mark.parametrize("kind", TEXTS)
def test_a_finished_cell_is_computed_again_after_an_edit_and_only_then(
    checkout: Checkout, ran: list[str], kind: str, tmp_path: Path
) -> None:
    accuracy(tmp_path, checkout.begin(), kind)
    accuracy(tmp_path, checkout.begin(**{kind: f"# a comment\n{TEXTS[kind]}"}), kind)
    assert len(ran) == 1
    accuracy(tmp_path, checkout.begin(**{kind: TEXTS[kind].replace(*EDITS[kind])}), kind)
    assert len(ran) == 2


@pytest.mark.parametrize("kind", ["encoders", "sources"])
def test_no_embedding_from_before_an_edit_is_taken(checkout: Checkout, kind: str, tmp_path: Path) -> None:
    first = accuracy(tmp_path / "one", checkout.begin(), kind)
    edited = checkout.begin(**{kind: TEXTS[kind].replace(*EDITS[kind])})
    assert accuracy(tmp_path / "two", edited, kind) < first - 0.1
    assert accuracy(tmp_path / "three", checkout.begin(), kind) == first


def test_what_a_run_left_before_code_was_looked_at_is_computed_again(
    checkout: Checkout, ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(entries, "own_code", lambda factory, module: "")
        first = accuracy(tmp_path, checkout.begin(), "encoders")
    edited = ENCODER.replace(*EDITS["encoders"])
    again = accuracy(tmp_path, checkout.begin(encoders=edited), "encoders")
    assert again < first - 0.1
    assert accuracy(tmp_path, checkout.begin(encoders=edited), "encoders") == again
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("checkout", "own"), [("checkout", True), ("site-packages", False)], indirect=["checkout"]
)
def test_what_is_installed_is_known_by_its_version_alone(checkout: Checkout, own: bool) -> None:
    known = checkout.begin().find("encoders", "own").known()
    assert bool(known.code) == own
    assert known.identity == (f"{known.spec.factory} {known.code}" if own else known.spec.factory)


def test_finding_an_entry_imports_nothing_of_it(checkout: Checkout) -> None:
    found = checkout.begin(encoders="raise SystemExit").find("encoders", "own")
    assert (found.identity, found.code) == ("kshot_test_own_encoders:Own", "")
    assert "kshot_test_own_encoders" not in sys.modules


IDENTITIES = """
from kshot.registry import load_registry
names = {"conv4": "encoders", "char_cnn_gru": "encoders", "glyphs": "sources", "tiny_texts": "sources"}
found = [load_registry().find(kind, name).known().identity for name, kind in names.items()]
print(found)
"""


def test_every_process_finds_the_same_for_a_plugin() -> None:
    here: dict[str, object] = {}
    exec(IDENTITIES, here)
    told = subprocess.run(
        [sys.executable, "-c", IDENTITIES],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    ).stdout
    assert told == f"{here['found']}\n"
