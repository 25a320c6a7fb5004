"""Pretraining teaches the encoder, is the same every time, and disturbs nobody's random numbers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.config import Loading, Pretrain
from kshot.episode import Inputs
from kshot.errors import CellError
from kshot.evaluation import evaluate
from kshot.interfaces import Encoder
from kshot.learners.simpleshot import SimpleShot
from kshot.loading import embed_positions, make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import PretrainedEncoder, pretrain

SOURCE = Toy(classes=20)
CPU = torch.device("cpu")


def encoder() -> Encoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return toy_encoder()


def taught(head: str = "linear", seed: int = 0, **options: object) -> Encoder:
    one = encoder()
    loader = make_loader(SOURCE, SOURCE.catalogue("train"), one, CPU, Loading())
    pretrain(one, loader, Pretrain(**{"epochs": 15, "learning_rate": 0.01, **options}), head, seed)
    return one


def accuracy(one: Encoder) -> float:
    learner = SimpleShot(one).eval()
    base = make_loader(SOURCE, SOURCE.catalogue("train"), one, CPU, Loading())
    positions = np.arange(len(base.catalogue))
    learner.begin(embed_positions(one, base.gather, positions), torch.from_numpy(base.catalogue.labels))
    test = SOURCE.catalogue("test")
    sampler = Sampler(test, "test", Shape(5, 1, 5), 1)
    [scored] = evaluate(learner, make_loader(SOURCE, test, one, CPU, Loading()), [sampler], 100)
    return scored.accuracy.mean


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_it_helps_on_classes_never_seen(head: str) -> None:
    assert accuracy(taught(head)) > accuracy(encoder()) + 0.1


def test_it_is_a_function_of_its_seed_and_leaves_the_random_state() -> None:
    state = torch.get_rng_state()
    one, two, other = taught(), taught(), taught(seed=1)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.first.weight, other.first.weight)


def test_what_one_cell_pretrained_another_takes_up(tmp_path: Path) -> None:
    one = encoder()
    loader = make_loader(SOURCE, SOURCE.catalogue("train"), one, CPU, Loading())
    kept = PretrainedEncoder(tmp_path / "encoder.safetensors")
    assert kept.load(one) is None
    found = pretrain(one, loader, Pretrain(epochs=1), "linear", 0)
    kept.save(one, found)
    two = encoder()
    assert kept.load(two) == found
    assert all(torch.equal(v, two.state_dict()[k]) for k, v in one.state_dict().items())
    kept.path.write_bytes(b"half")
    assert kept.load(two) is None


def test_a_loss_that_is_not_finite_is_named() -> None:
    with pytest.raises(CellError, match=r"not finite in step \d+; lower pretrain.learning_rate"):
        taught(learning_rate=1e35, optimizer="sgd")


class CutError(Exception):
    """Stands for whatever ends a process."""


def noisy(cut: int | None = None) -> Encoder:
    """An encoder that augments and draws numbers in passing, as dropout does; its pretraining ends at a step."""
    one, steps = encoder(), itertools.count()

    def augment(inputs: Inputs, generator: torch.Generator) -> Inputs:
        if next(steps) == cut:
            raise CutError
        values = inputs["values"]
        return {"values": values + torch.randn(values.shape, generator=generator) * torch.rand(())}

    one.augment = augment
    return one


@pytest.mark.parametrize("cut", [1, 6, 8, 9, 20])
def test_it_goes_on_to_the_bit(cut: int, tmp_path: Path) -> None:
    """Eight steps an epoch: cut in the first epoch, at the end of one, and later."""
    loader = make_loader(SOURCE, SOURCE.catalogue("train"), encoder(), CPU, Loading())
    options = Pretrain(epochs=3, batch=60)
    whole = noisy()
    expected = pretrain(whole, loader, options, "cosine", 0)
    kept = PretrainedEncoder(tmp_path / "encoder.safetensors", seconds=0.0)
    with pytest.raises(CutError):
        pretrain(noisy(cut), loader, options, "cosine", 0, checkpoint=kept.unfinished)
    told: list[int] = []
    again = noisy()
    found = pretrain(
        again, loader, options, "cosine", 0, lambda epoch, _: told.append(epoch), checkpoint=kept.unfinished
    )
    assert (found.epochs, found.loss, found.steps) == (expected.epochs, expected.loss, expected.steps)
    # The last step of an epoch is written before the epoch is told of.
    assert told == list(range((cut - 1) // 8 + 1, 4))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    kept.save(again, found)
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.safetensors"]


def test_a_state_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    loader = make_loader(SOURCE, SOURCE.catalogue("train"), encoder(), CPU, Loading())
    kept = PretrainedEncoder(tmp_path / "encoder.safetensors", seconds=0.0)
    options = Pretrain(epochs=1, learning_rate=1e38, optimizer="sgd", weight_decay=10.0)
    with pytest.raises(CellError, match=r"not finite after \d+ steps; lower pretrain.learning_rate"):
        pretrain(encoder(), loader, options, "linear", 0, checkpoint=kept.unfinished)
    assert not kept.unfinished.path.exists()
