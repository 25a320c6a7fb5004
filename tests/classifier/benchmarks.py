"""Tiny benchmarks that train for a moment, with the logits that each cell's evaluation gave."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.benchmark import make_plan, run_benchmark
from kshot.evaluation import answers
from kshot.interfaces import Source
from kshot.registry import load_registry
from kshot.results import Results
from kshot.sampling import Sampler
from kshot.shapes import Shape

TRAIN = {"way": 3, "shot": 1, "queries": 2, "episodes": 6, "meta_batch": 2, "learning_rate": 0.003}
EVALUATE = {"shapes": ["3w2s"], "queries": 3, "episodes": 4, "seed": 5}


@dataclass
class Run:
    """A benchmark that has run.

    Attributes:
        folder: of its results.
        found: what it found.
        logits: of each cell, episode after episode (Q, way).
        source: of its data.
    """

    folder: Path
    found: Results
    source: Source
    logits: Mapping[str, list[torch.Tensor]] = field(default_factory=dict)

    def cell(self, id: str) -> Path:
        """A cell's folder."""
        return self.folder / "cells" / id

    def episode(self, number: int) -> tuple[list[Any], list[str], list[Any]]:
        """Raw support, its labels (those of the episode, as texts) and raw queries, in their order."""
        catalogue = self.source.catalogue("test")
        drawn = Sampler(catalogue, "test", Shape(3, 2, 3), 5).take(np.array([number]))

        def raw(positions: np.ndarray) -> list[Any]:
            return [self.source.fetch(int(row)) for row in catalogue.rows[positions[0]]]

        return raw(drawn.support), [str(label) for label in drawn.support_labels[0]], raw(drawn.query)


@contextmanager
def noting() -> Iterator[list[torch.Tensor]]:
    """The logits (Q, way) of every episode that is scored meanwhile."""
    seen: list[torch.Tensor] = []
    of = answers.Answers.of.__func__

    def noted(cls: type, numbers: np.ndarray, logits: torch.Tensor, *more: Any) -> Any:
        seen.extend(logits.detach().float())
        return of(cls, numbers, logits, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers.Answers, "of", classmethod(noted))
        yield seen


def run(folder: Path, **changes: Any) -> Run:
    """Train and evaluate; nothing is validated, so that all logits are the evaluation's."""
    configuration = {
        "name": "tiny",
        "train": {**TRAIN, "validations": 0},
        "evaluate": EVALUATE,
        **changes,
    }
    plan = make_plan(configuration, "tiny.yaml", load_registry())
    with noting() as seen:
        found = run_benchmark(plan, folder, "tiny.yaml", torch.device("cpu"))
    assert [cell.error for cell in found.cells] == [None] * len(found.cells)
    part = plan.cells[0].source
    count = EVALUATE["episodes"]
    logits = {cell.id: seen[count * k : count * (k + 1)] for k, cell in enumerate(found.cells)}
    return Run(folder, found, part.factory(**part.options), logits)


def glyph_run(folder: Path, learners: list[Any], **changes: Any) -> Run:
    """On drawn letters, by a small network from scratch."""
    encoders = {"image": [{"use": "conv4", "width": 4}]}
    changes = {"sources": {"glyphs": None}, "encoders": encoders, **changes}
    return run(folder, learners=learners, **changes)


def text_run(folder: Path, encoders: list[Any], learners: list[Any], **changes: Any) -> Run:
    """On made-up sentences of 12 classes."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "texts.csv"
    draw = np.random.Generator(np.random.Philox(key=3))
    with table.open("w") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for label in range(12):
            own = draw.choice(WORDS, 4, replace=False)
            for number in range(8):
                words = [*draw.choice(own, 3), *draw.choice(WORDS, 2), str(number)]
                writer.writerow([" ".join(words), f"class {label:02d}"])
    split = {"fractions": [0.6, 0.0, 0.4], "seed": 0}
    source = {"use": "text_table", "path": str(table), "split": split}
    return run(
        folder / "run", sources={"texts": source}, encoders={"text": encoders}, learners=learners, **changes
    )


WORDS = [
    *("boil", "stir", "oven", "flour", "engine", "wheel", "road", "brake", "song", "drum", "choir", "tune"),
    *("goal", "team", "match", "referee", "rain", "cloud", "storm", "wind", "court", "judge", "law", "trial"),
]
