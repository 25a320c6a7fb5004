"""Embeddings of a whole split take little more memory than they have."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot import tensorfiles
from kshot.encoders import Embedded
from kshot.learners.simpleshot import SimpleShot
from kshot.loading.embedding import PREPARE_CHUNK, embed_positions
from kshot.tensorfiles import read_tensors, write_tensors
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

COUNT, WIDTH = 9 * PREPARE_CHUNK + 7, 96


class Live(TorchDispatchMode):
    """The most bytes that tensors made meanwhile have together."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._now = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = {one.untyped_storage().data_ptr() for one in args if isinstance(one, Tensor)}
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, list | tuple) else [made]:
            if isinstance(one, Tensor) and one.untyped_storage().data_ptr() not in given:
                self._count(one.nbytes)
                weakref.finalize(one, self._count, -one.nbytes)
        return made

    def _count(self, more: int) -> None:
        self._now += more
        self.most = max(self.most, self._now)


def test_embeddings_are_held_once_while_they_are_made() -> None:
    features = torch.randn(COUNT, WIDTH)
    with Live() as seen:
        embedded = embed_positions(
            nn.Identity(), lambda at: {"tensor": features[torch.from_numpy(at)]}, np.arange(COUNT)
        )
    assert torch.equal(embedded, features)
    assert features.nbytes <= seen.most < 1.5 * features.nbytes


def test_the_mean_of_a_split_needs_no_copy_of_it() -> None:
    features = torch.randn(COUNT, 4 * WIDTH)
    learner = SimpleShot(Embedded("toy", 4 * WIDTH))
    with Live() as seen:
        learner.begin(features, torch.zeros(COUNT))
    assert torch.equal(learner.centre, features.double().mean(0).float())
    assert 0 < seen.most < features.nbytes


def test_only_tied_weights_are_copied_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Tensor] = {}
    save = tensorfiles.save_file

    def saved(tensors: dict[str, Tensor], *rest: Any, **more: Any) -> None:
        given.update(tensors)
        save(tensors, *rest, **more)

    monkeypatch.setattr(tensorfiles, "save_file", saved)
    weight = torch.randn(4, 3)
    tensors = {"a": weight, "b": torch.randn(2), "tied": weight, "turned": weight.T, "part": weight[1:]}
    tensors |= {"empty": torch.zeros(0), "none": torch.zeros(0)}
    write_tensors(tmp_path / "a.safetensors", tensors)
    assert [name for name in tensors if given[name].data_ptr() == tensors[name].data_ptr() != 0] == ["a", "b"]
    read, _ = read_tensors(tmp_path / "a.safetensors")
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
