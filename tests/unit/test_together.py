"""Processes that share a batch end where one alone does; here they are threads with a group made up."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from kshot.episode import Episodes
from kshot.errors import CellError
from kshot.functional.fitting import Fitting
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.learners.siamese import Siamese
from kshot.testing import toy_encoder, toy_subject
from kshot.training import together
from kshot.training.processes import Alone
from kshot.training.together import Together
from torch import Tensor

SUBJECT = toy_subject()


class Group:
    """What several threads tell one another, each by messages of its own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.said: list[list[Tensor]] = [[] for _ in range(count)]
        self.barrier = threading.Barrier(count, timeout=20)

    def exchanged(self, rank: int, tensors: Iterable[Tensor]) -> list[list[Tensor]]:
        self.barrier.wait()
        self.said[rank] = [one.detach().clone() for one in tensors]
        self.barrier.wait()
        return list(self.said)


class Messages:
    def __init__(self, group: Group, rank: int) -> None:
        self.rank, self.count, self._group = rank, group.count, group

    def agree(self, failure: Exception | None, votes: Sequence[float], within_step: bool) -> list[float]:
        if failure:
            self._group.barrier.abort()
            raise failure
        said = self._group.exchanged(self.rank, [torch.tensor(votes, dtype=torch.float64)])
        return torch.stack([one for [one] in said]).amin(0).tolist()

    @torch.no_grad()
    def sum(self, tensors: Iterable[Tensor]) -> None:
        own = list(tensors)
        for into, *parts in zip(own, *self._group.exchanged(self.rank, own), strict=True):
            into.copy_(sum(parts))

    @torch.no_grad()
    def spread(self, tensors: Iterable[Tensor]) -> None:
        own = list(tensors)
        for into, first in zip(own, self._group.exchanged(self.rank, own)[0], strict=True):
            into.copy_(first)


LEARNERS: dict[str, Callable[[], Learner]] = {
    "prototypical": lambda: Prototypical(toy_encoder()),
    "drawn pairs": lambda: Siamese(toy_encoder(), pairs=6),
    "maml of several steps": lambda: MAML(toy_encoder(), way=3, inner_steps=2, multi_step_episodes=20),
}


def stepped(
    processes: Alone | Together, learner: Learner, batches: Sequence[Episodes], most: int | None
) -> dict[str, Tensor]:
    """Losses and gradients of some batches, and the state after them, where ``most`` episodes fit into memory."""

    def loss(one: Learner, some: Episodes) -> Tensor:
        value = one.loss(some)
        if most and len(some) > most:
            raise torch.OutOfMemoryError("made up")
        return value

    fitting = Fitting()
    processes.begin(learner, 0)
    found: dict[str, Tensor] = {}
    for number, batch in enumerate(batches):
        learner.zero_grad(set_to_none=True)
        found[f"{number} loss"] = processes.gradients(learner, batch, loss, fitting).detach()
        for name, one in learner.named_parameters():
            if one.grad is not None:
                found[f"{number} {name}"] = one.grad.clone()
    return found | learner.state_dict()


@pytest.mark.parametrize("most", [None, 1])
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", LEARNERS)
def test_processes_end_where_one_alone_does(
    name: str, count: int, most: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With batches that do not divide, and one with fewer episodes than there are processes."""
    batches = [SUBJECT.episodes(count=size, dtype=torch.float64) for size in (5, 4, 1)]
    torch.manual_seed(0)
    learner = LEARNERS[name]().double().train()
    copies = [copy.deepcopy(learner) for _ in range(count)]
    with torch.no_grad():
        for one in copies[1:]:  # the first process's weights count
            next(one.parameters()).add_(1.0)
    expected = stepped(Alone(), learner, batches, None)

    group, ranks = Group(count), iter(range(count))
    monkeypatch.setattr(together, "Messages", lambda: Messages(group, next(ranks)))
    processes = [Together() for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        each = list(
            pool.map(lambda rank: stepped(processes[rank], copies[rank], batches, most), range(count))
        )
    for found in each:
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(found[key], value, rtol=0, atol=1e-10, msg=key)


def test_a_buffer_that_changes_in_a_way_that_cannot_be_shared_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(together, "Messages", lambda: Messages(Group(1), 0))
    learner, alone = Prototypical(toy_encoder()).train(), Together()
    learner.register_buffer("drift", torch.zeros(2))

    def loss(one: Learner, some: Episodes) -> Tensor:
        one.drift += 1
        return one.loss(some)

    alone.begin(learner, 0)
    with pytest.raises(CellError, match="'drift' changes with every batch"):
        alone.gradients(learner, SUBJECT.episodes(), loss, Fitting())
