"""The losses of a pretraining by their formulas, and the batches that they are of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from kshot.config import Loading, Pretrain
from kshot.encoders import Embedded
from kshot.episode import Inputs
from kshot.loading import Loader, ResidentLoader, make_loader
from kshot.sampling import Catalogue
from kshot.sources import Aligned
from kshot.testing import Toy, toy_encoder
from kshot.training import pretrain
from kshot.training.objectives import Classes, Objective, Pairs
from torch import Tensor, nn

from tests.senses import Sensing, joint, loader_of

CPU = torch.device("cpu")
WIDTH = 5


def across(classes: int = 7) -> Loader:
    source = Aligned(of={sense: Sensing(sense, classes=classes) for sense in ("sight", "sound")})
    return loader_of(source, "train", joint())


def table(count: int) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(3))


def of_table(objective: Objective, batch: np.ndarray, values: Tensor) -> Tensor:
    """The loss where an example's embedding is its row in a table."""
    encoder = Embedded("toy", WIDTH)

    def gather(positions: np.ndarray) -> Inputs:
        return {"embedding": values[torch.from_numpy(positions)]}

    return objective.loss(encoder, batch, gather)


def test_pairs_have_the_loss_of_the_formula() -> None:
    loader = across()
    objective, values = Pairs(loader, 4), table(len(loader.catalogue))
    batch = next(objective.batches(0, 0))
    one, other = (F.normalize(values[torch.from_numpy(some)], dim=1) for some in batch)
    for scale in (1 / 0.07, 150.0):
        if scale > 100:
            nn.init.constant_(objective.head.log_scale, math.log(scale))
        losses = []
        for i in range(4):
            for m, n in ((one, other), (other, one)):
                row = min(scale, 100.0) * torch.stack([m[i] @ n[j] for j in range(4)])
                losses.append(row.logsumexp(0) - row[i])
        torch.testing.assert_close(of_table(objective, batch, values), sum(losses) / 8)


def test_a_batch_of_pairs_has_an_example_of_every_modality_of_so_many_classes() -> None:
    loader = across()
    catalogue, objective = loader.catalogue, Pairs(loader, 3)
    blocks = catalogue.blocks
    assert blocks
    met: set[int] = set()
    for batch in (batch for epoch in range(20) for batch in objective.batches(0, epoch)):
        assert batch.shape == (2, 3)
        labels = catalogue.labels[batch]
        assert np.array_equal(labels[0], labels[1])
        assert len(set(labels[0].tolist())) == 3
        assert [blocks.of[row].tolist() for row in batch] == [[0] * 3, [1] * 3]
        met.update(batch.ravel().tolist())
    assert len(met) == len(catalogue), "every example's turn comes"
    assert len(list(objective.batches(0, 0))) == objective.count(0) == math.ceil(7 * 12 / 3)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_classes_have_the_mean_cross_entropy_of_their_labels(head: Any, parts: int) -> None:
    torch.manual_seed(0)
    if parts == 1:
        catalogue = Catalogue.build(list("cabbac"), list("123456"), version="1")
        loader: Loader = ResidentLoader(catalogue, {"embedding": table(6)}, CPU)
    else:
        loader = across()
    values = table(len(loader.catalogue))
    objective = Classes(loader, len(values), head, WIDTH)
    [batch] = objective.batches(0, 0)
    embedded = values[torch.from_numpy(batch)]
    if head == "cosine":
        assert objective.head.log_scale.item() == pytest.approx(math.log(10))
        logits = 10 * F.normalize(embedded, dim=1) @ F.normalize(objective.head.weight, dim=1).T
    else:
        logits = embedded @ objective.head.weight.T + objective.head.bias
    labels = torch.from_numpy(loader.catalogue.labels[batch])
    expected = (logits.logsumexp(1) - logits[torch.arange(len(batch)), labels]).mean()
    torch.testing.assert_close(of_table(objective, batch, values), expected)


def test_an_epoch_of_classes_shows_every_example_once_but_one_that_would_be_alone() -> None:
    catalogue = Catalogue.build(["a"] * 4 + ["b"] * 5, [str(number) for number in range(9)], version="1")
    objective = Classes(ResidentLoader(catalogue, {"embedding": table(9)}, CPU), 4, "linear", WIDTH)
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        batches = list(objective.batches(seed, epoch))
        assert [len(batch) for batch in batches] == [4, 4]
        orders.append(np.concatenate(batches).tolist())
        assert len(set(orders[-1])) == 8
        assert [batch.tolist() for batch in objective.batches(seed, epoch)] == [b.tolist() for b in batches]
    assert len({tuple(order) for order in orders}) == 3


def test_a_pretraining_counts_its_steps_over_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    told, numbers = [], []

    def schedule(options: Pretrain, steps: int, examples: int) -> Any:
        told.append((steps, examples))
        return lambda number: numbers.append(number) or 1.0

    monkeypatch.setattr("kshot.training.optimisation.schedule", schedule)
    source, encoder = Toy(), toy_encoder()
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())
    size = len(loader.catalogue) // 2
    pretrain(encoder, loader, Pretrain(epochs=3, batch=size), "linear", 0)
    assert told == [(6, size)]
    assert numbers == list(range(6))


@pytest.mark.parametrize("seed", [0, 5])
def test_a_pretraining_varies_examples_by_draws_of_its_seed(seed: int) -> None:
    source, encoder, seen = Toy(), toy_encoder(), set[int]()
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())

    def augment(inputs: Inputs, generator: torch.Generator) -> Inputs:
        seen.add(generator.initial_seed())
        return inputs

    encoder.augment = augment
    pretrain(encoder, loader, Pretrain(epochs=1), "linear", seed)
    assert seen == {seed}
