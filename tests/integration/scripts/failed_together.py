"""One of two processes whose trainings go wrong; each prints what it is told, the second dies in the last."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import torch
from kshot.config import Loading, Train
from kshot.episode import Episodes
from kshot.errors import CellError
from kshot.learners.prototypical import Prototypical
from kshot.loading import make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import join_processes, train

group, _ = join_processes(torch.device("cpu"))
source = Toy(classes=30)
catalogue = source.catalogue("train")


def told(title: str, spoil: Callable[[Prototypical, int], None]) -> None:
    """Train; ``spoil`` is called before each loss with the learner and the number of losses so far."""
    torch.manual_seed(0)
    learner = Prototypical(toy_encoder())
    loader = make_loader(source, catalogue, learner.encoder, torch.device("cpu"), Loading())
    plain, count = learner.loss, 0
    learner.episodes = 0

    def loss(episodes: Episodes) -> torch.Tensor:
        nonlocal count
        learner.episodes = len(episodes)
        spoil(learner, count)
        count += 1
        return plain(episodes)

    learner.loss = loss
    sampler = Sampler(catalogue, "train", Shape(5, 1, 3), 0)
    try:
        training = train(learner, loader, sampler, Train(episodes=12, meta_batch=3), processes=group)
        at_once = "" if training.at_once is None else f", {training.at_once} at once"
        print(f"{title}: trained{at_once}", flush=True)
    except (Exception, SystemExit) as error:
        print(f"{title}: {type(error).__name__}: {error}", flush=True)


def raises(learner: Prototypical, count: int) -> None:
    if count == 2 and not group.leads:
        raise RuntimeError("out of memory, say")


def leaves(learner: Prototypical, count: int) -> None:
    if count == 2 and not group.leads:
        sys.exit(7)


def breaks(learner: Prototypical, count: int) -> None:
    if count == 2 and not group.leads:
        with torch.no_grad():
            learner.encoder.first.weight.fill_(torch.nan)


def runs_short(learner: Prototypical, count: int) -> None:
    if group.leads and learner.episodes > 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has none.")


def starves(learner: Prototypical, count: int) -> None:
    if count > 2 and not group.leads:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has none.")


def dies(learner: Prototypical, count: int) -> None:
    if count == 2 and not group.leads:
        os._exit(3)


try:
    group.begin(Prototypical(toy_encoder()), 8 if group.leads else 4)
except CellError as error:
    print(f"apart: {error}", flush=True)
told("raises", raises)
told("leaves", leaves)
told("breaks", breaks)
told("good", lambda learner, count: None)
told("short", runs_short)
told("starved", starves)
told("dies", dies)
os._exit(0)  # the group is broken; there is nothing to leave
