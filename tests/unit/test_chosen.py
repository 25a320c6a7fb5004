"""What was measured on a machine is obeyed, and changes no result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from kshot.config import StrategyEntry
from kshot.episode import Episodes, Inputs
from kshot.functional import chosen, concurrently, embed, following, per_episode_norms, support_pass
from kshot.functional.embedding import laid_out
from kshot.functional.fitting import Fitting
from kshot.functional.strategy import CHUNK_NUMBERS, Strategy, choose, over_tasks
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.testing import toy_encoder
from kshot.training import Alone, threads
from torch import Tensor, nn

CPU = torch.device("cpu")


@pytest.fixture
def two_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class Small(nn.Module):
    """Two convolutions over pictures, which tell how they came."""

    dim = 6

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 5, 3),
            nn.BatchNorm2d(5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(5, 6, 2),
            nn.Flatten(),
        )
        self.unreached = nn.Parameter(torch.ones(2))
        self.seen: list[tuple[int, bool]] = []

    def forward(self, inputs: Inputs) -> Tensor:
        pixels = inputs["pixel_values"]
        self.seen.append((len(pixels), pixels.stride()[1] == 1))
        return self.layers(pixels)


def pictures(count: int, episodes: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(episodes, count, 2, 6, 6, generator=generator, dtype=torch.float64)


def small() -> Small:
    torch.manual_seed(0)
    return Small().double()


def seen_without_a_graph(entry: StrategyEntry) -> tuple[list[tuple[int, bool]], Tensor]:
    encoder = small().eval()
    per_episode_norms(encoder)
    with following(entry), torch.no_grad():
        embedded = embed(encoder, [{"pixel_values": pictures(50)}], support_pass("frozen", 2))
    return encoder.seen, embedded


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pictures_come_channels_last_whatever_they_are_cut_from(channels: int) -> None:
    """Strides decide what a convolution reads: against float64, of slices and of one channel too."""
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, 8, 3)
    whole = torch.rand(9, 4, 11, 12)
    for given in (whole[:, :channels], whole[::2, 1 : 1 + channels, 2:9, ::3], whole[:3, -channels:].mT):
        [came] = laid_out({"pixel_values": given}).values()
        expected = layer.double()(given.double())
        found = layer.float()(came)
        assert torch.equal(came, given)
        assert found.stride()[1] == 1, "the layout that convolutions keep to"
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_nothing_is_chosen_outside_of_a_block() -> None:
    with following(StrategyEntry(chunk=3)):
        assert chosen() == StrategyEntry(chunk=3)
    assert chosen() == StrategyEntry()


def test_examples_pass_in_chunks_of_the_chosen_size_and_format() -> None:
    shipped, expected = seen_without_a_graph(StrategyEntry())
    assert shipped == [(25, True)] * 4
    for entry, size, last in (
        (StrategyEntry(chunk=7), 7, True),
        (StrategyEntry(chunk=1000), 100, True),
        (StrategyEntry(channels_last=False), 25, False),
    ):
        seen, embedded = seen_without_a_graph(entry)
        assert seen[0] == (size, last)
        torch.testing.assert_close(embedded, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("tasks", "vmap"), [("loop", False), ("vmap", True), (None, True)])
def test_tasks_are_gone_over_as_chosen(tasks: str | None, vmap: bool) -> None:
    with following(StrategyEntry.model_validate({"tasks": tasks})):
        assert choose("auto", toy_encoder(), CPU, 1).vmap is vmap
        assert choose("loop", toy_encoder(), CPU, 1).vmap is False, "what a learner's option says goes before"
        assert choose("auto", nn.LSTM(2, 2), CPU, 1).vmap is False, "what cannot be mapped is not"


def test_so_many_tasks_are_mapped_together_as_their_weights_allow_and_one_at_least() -> None:
    most = CHUNK_NUMBERS["cpu"]
    chunks = [choose("vmap", toy_encoder(), CPU, adapted).chunk for adapted in (most // 3, most, most + 1)]
    assert chunks == [3, 1, 1]
    assert choose("loop", toy_encoder(), CPU, most // 3).chunk is None
    own, shared = torch.randn(5, 3), torch.randn(3)
    for chunk in (1, 2, None):
        got = over_tasks(Strategy(vmap=True, chunk=chunk), lambda one, other: one * other, shared, own)
        assert torch.equal(got, shared * own)


@pytest.mark.parametrize("vmap", [True, False])
def test_every_task_draws_anew(vmap: bool) -> None:
    def dropped(shared: Tensor, own: Tensor) -> Tensor:
        return nn.functional.dropout(shared + own, 0.5)

    drawn = over_tasks(Strategy(vmap), dropped, torch.ones(64), torch.zeros(3, 64))
    assert len(drawn.unique(dim=0)) == 3


@pytest.mark.usefixtures("two_cores")
def test_nothing_is_done_side_by_side_where_that_was_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with following(StrategyEntry(concurrent=False)):
        assert set(concurrently(lambda _: torch.get_num_threads(), range(4))) == {2}
        monkeypatch.setattr(threads, "concurrently", lambda *_: pytest.fail("shared"))
        gradients(Prototypical(small()))


def episodes() -> Episodes:
    labels = torch.arange(3)
    return Episodes.of(
        {"pixel_values": pictures(6, 4)},
        labels.repeat_interleave(2).expand(4, -1),
        {"pixel_values": pictures(9, 4)},
        labels.repeat_interleave(3).expand(4, -1),
        3,
    )


def gradients(learner: Learner) -> dict[str, Tensor]:
    """Of a training step, the buffers after it, and the logits of an evaluation."""
    batch, learner = episodes(), learner.double().train()
    Alone().gradients(learner, batch, lambda one, some: one.loss(some), Fitting())
    found = {name: one.grad.clone() for name, one in learner.named_parameters() if one.grad is not None}
    found |= {name: one.clone() for name, one in learner.named_buffers()}
    learner.eval()
    with torch.no_grad():
        return found | {"logits": learner.adapt(batch.support)(batch.query_inputs)}


LEARNERS = {
    "prototypical": lambda: Prototypical(small()),
    "maml": lambda: MAML(small(), way=3, inner_steps=2, inner_rate=0.05),
}
ENTRIES = [
    StrategyEntry(tasks="loop"),
    StrategyEntry(tasks="vmap"),
    StrategyEntry(concurrent=False),
    StrategyEntry(channels_last=False),
    StrategyEntry(chunk=5),
    StrategyEntry(tasks="vmap", concurrent=False, channels_last=False, chunk=1),
]


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
@pytest.mark.parametrize("name", LEARNERS)
def test_results_agree_under_every_strategy(name: str, entry: StrategyEntry) -> None:
    torch.manual_seed(1)
    expected = gradients(LEARNERS[name]())
    torch.manual_seed(1)
    with following(entry):
        found = gradients(LEARNERS[name]())
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=1e-9, msg=key)
