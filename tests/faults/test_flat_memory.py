"""A long training, and a long evaluation, take no more memory after thousands of episodes than after hundreds."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from kshot.config import Loading, Train
from kshot.episode import Episodes
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.meta_lstm import MetaLSTM
from kshot.learners.prototypical import Prototypical
from kshot.loading import make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import train

WARM, EPISODES = 1000, 5000
ROOM = 4 * 2**20
"""Bytes that the process may grow by in 4,000 episodes: a kilobyte an episode."""

STATUS = Path("/proc/self/statm")
SHAPE = Shape(5, 1, 5)

LEARNERS: dict[str, Callable[[], Learner]] = {
    "prototypical": lambda: Prototypical(toy_encoder()),
    "maml, second order": lambda: MAML(toy_encoder(), way=5, inner_steps=3, order=2),
    "meta_lstm": lambda: MetaLSTM(toy_encoder(), way=5, inner_steps=3, hidden=4),
}


def resident() -> int:
    """Bytes of this process in memory, without freed ones that the C library keeps: of what tests
    before left there, as much could be lost unseen."""
    gc.collect()
    with suppress(AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
    return int(STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(learner: Learner, spoil: Callable[[Episodes], object] = lambda episodes: None) -> int:
    """Bytes by which the process is larger after 5,000 episodes of training than after 1,000."""
    if not STATUS.exists():
        pytest.skip("there is no /proc to read the process's size from")
    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("train"), toy_encoder(), torch.device("cpu"), Loading())
    sampler = Sampler(source.catalogue("train"), "train", SHAPE, 0)
    sizes: dict[int, int] = {}
    plain, done = learner.loss, 0

    def loss(episodes: Episodes) -> torch.Tensor:
        nonlocal done
        if done in (WARM, EPISODES - len(episodes)):
            sizes[done] = resident()
        done += len(episodes)
        spoil(episodes)
        return plain(episodes)

    learner.loss = loss
    train(learner, loader, sampler, Train(episodes=EPISODES, meta_batch=4))
    first, last = sizes.values()
    print(f"grown by {(last - first) / 2**10:.0f} KiB")
    return last - first


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_five_thousand_episodes_of_training_leave_memory_flat(name: str) -> None:
    torch.manual_seed(0)
    assert grown(LEARNERS[name]()) <= ROOM


@pytest.mark.slow
def test_what_is_kept_of_every_episode_is_noticed() -> None:
    hoard: list[torch.Tensor] = []
    assert grown(Prototypical(toy_encoder()), lambda batch: hoard.append(torch.ones(4 * 1024))) > ROOM


@pytest.mark.slow
def test_five_thousand_episodes_of_evaluation_leave_memory_flat() -> None:
    if not STATUS.exists():
        pytest.skip("there is no /proc to read the process's size from")
    torch.manual_seed(0)
    learner = MAML(toy_encoder(), way=5, inner_steps=3)
    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("test"), toy_encoder(), torch.device("cpu"), Loading())
    sampler = Sampler(source.catalogue("test"), "test", SHAPE, 1)
    sizes = []
    for _ in range(6):
        evaluate(learner, loader, [sampler], WARM)
        sizes.append(resident())
    print([size // 2**10 for size in sizes])
    assert sizes[-1] - sizes[0] <= ROOM
