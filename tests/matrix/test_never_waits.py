"""A training step never waits for the device that computes it.

The device ``meta`` stands for a GPU where there is none: its tensors have shapes and no numbers, so that
whatever would wait for a number raises. On a GPU torch itself raises where it waits.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from kshot.config import Train
from kshot.episode import Episodes
from kshot.interfaces import Encoder
from kshot.loading import Loader, ResidentLoader
from kshot.sampling import AnySampler, Catalogue, Sampler
from kshot.shapes import Shape
from kshot.testing import Subject
from kshot.training import train

from .families import parameters, subject
from .learners import CASES

WAITS = {
    "ge2e": "its windows are counted where the recordings lie",
    "hf_audio": "recordings of one length pass together, and the lengths lie on the device",
    "hf_xvector": "recordings of one length pass together, and the lengths lie on the device",
}
"""Encoders that must know a number of their inputs before they can go on."""


def trains(case: str) -> bool:
    toy = subject("toy")
    return CASES[case].factory(toy)(toy.encoder(), 3).trains


NO_NUMBER = "(?i)meta tensor|register_meta"
"""What torch says where the device ``meta`` is asked for one."""

UNTRIED = {"xvector": "generator is not supported in refs"}
"""Encoders that torch cannot compute on the device meta, and what it says: it draws no exponential numbers there."""

PAIRS = [
    *(pytest.param(family.values[0], "prototypical", marks=family.marks) for family in parameters()),
    *(pytest.param("toy", case) for case in CASES if case != "prototypical" and trains(case)),
    *(pytest.param(family, "maml") for family in ("conv4", "dvector_tdnn", "mini_transformer")),
]
"""Every encoder with one learner, every learner that trains with one encoder, inner loops with a few more."""


class EnoughError(Exception):
    """The training has gone on long enough."""


class Few(Loader):
    """Batches of a loader, until they are enough; the first is for what a device sets up once."""

    def __init__(self, inner: Loader, set_up: Iterator[None]) -> None:
        self.catalogue, self.device = inner.catalogue, inner.device
        self._inner, self._set_up = inner, set_up

    def gather(self, positions):
        return self._inner.gather(positions)

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        batches = self._inner.episodes(sampler, start, stop, size)
        yield next(batches)
        next(self._set_up)
        yield next(batches)
        yield next(batches)
        raise EnoughError


def step(material: Subject, case: str, set_up: Iterator[None]) -> None:
    """Three steps of ``train`` on the subject's device."""
    plain = Subject(material.name, material.build, material.raw)
    labels = [f"class {label}" for label in plain.labels.tolist()]
    keys = [f"{number:04d}" for number in range(len(labels))]
    loader = ResidentLoader(Catalogue.build(labels, keys, version="1"), dict(plain.inputs()), material.device)
    learner = CASES[case].factory(plain)(plain.encoder(), 3).to(material.device)
    sampler = Sampler(loader.catalogue, "train", Shape(3, 2, 3), 0)
    options = Train(way=3, shot=2, queries=3, episodes=100, meta_batch=2, clip=1.0)
    with pytest.raises(EnoughError):
        train(learner, Few(loader, set_up), sampler, options)


@pytest.fixture
def meta(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """A device without numbers, which torch has neither generators nor autocast for."""

    class Generator(torch.Generator):
        def __new__(cls, device: torch.device | str = "cpu"):
            return super().__new__(cls, "cpu" if torch.device(device).type == "meta" else device)

    monkeypatch.setattr(torch, "Generator", Generator)
    autocast = torch.autocast
    monkeypatch.setattr(
        torch,
        "autocast",
        lambda device, *rest, **more: autocast("cpu" if device == "meta" else device, *rest, **more),
    )
    monkeypatch.setattr("kshot.training.meta.REPORT_SECONDS", float("inf"))
    return torch.device("meta")


@pytest.mark.parametrize(("family", "case"), PAIRS)
def test_a_step_asks_for_no_number(family: str, case: str, meta: torch.device) -> None:
    material = subject(family).on(meta)
    if not any(one.requires_grad for one in subject(family).encoder().parameters()):
        pytest.skip("nothing to train")
    if family in UNTRIED:
        with pytest.raises(AssertionError, match=UNTRIED[family]):
            step(material, case, iter([None]))
    elif family in WAITS:
        with pytest.raises((NotImplementedError, RuntimeError), match=NO_NUMBER):
            step(material, case, iter([None]))
    else:
        step(material, case, iter([None]))


class Asking(Encoder):
    """The toy's encoder, which looks at a number."""

    modality, dim = "toy", 16

    def __init__(self) -> None:
        super().__init__()
        self.inner = subject("toy").encoder()

    def prepare(self, raw):
        return self.inner.prepare(raw)

    def forward(self, inputs):
        embedded = self.inner(inputs)
        return embedded / max(float(embedded.detach().abs().max()), 1.0)


def test_one_number_that_is_asked_for_is_found(meta: torch.device) -> None:
    toy = subject("toy")
    with pytest.raises((NotImplementedError, RuntimeError), match=NO_NUMBER):
        step(Subject("asking", Asking, toy.raw, meta), "prototypical", iter([None]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
@pytest.mark.parametrize(("family", "case"), PAIRS)
def test_a_gpu_is_not_waited_for(family: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if family in WAITS or not any(one.requires_grad for one in subject(family).encoder().parameters()):
        pytest.skip(WAITS.get(family, "nothing to train"))
    monkeypatch.setattr("kshot.training.meta.REPORT_SECONDS", float("inf"))

    def strictly() -> Iterator[None]:
        torch.cuda.set_sync_debug_mode("error")
        yield

    try:
        step(subject(family).on(torch.device("cuda")), case, strictly())
    finally:
        torch.cuda.set_sync_debug_mode("default")
