"""Threads change how fast a number comes, not which."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from kshot.config import Loading, Train
from kshot.encoders.embedded import EMBEDDING, Embedded
from kshot.evaluation import evaluate
from kshot.functional import concurrently, embed, replica, support_pass
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.meta_lstm import MetaLSTM
from kshot.learners.prototypical import Prototypical
from kshot.learners.siamese import Siamese
from kshot.loading import ResidentLoader, embed_positions, make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import threads, train
from torch import nn

CPU = torch.device("cpu")


@pytest.fixture
def set_cores() -> Iterator[Callable[[int], None]]:
    """Sets how many cores torch may use, which is as before once the test ends, however it does."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def two_cores(set_cores: Callable[[int], None]) -> None:
    set_cores(2)


class Counting(torch.overrides.TorchFunctionMode):
    """Cores that each call of torch's functions may use, by the function's name."""

    def __init__(self) -> None:
        self.cores: dict[str, set[int]] = {}

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.cores.setdefault(function.__name__, set()).add(torch.get_num_threads())
        return function(*args, **(kwargs or {}))


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("embeds", [True, False])
def test_little_work_beside_a_network_has_one_core_and_work_on_embeddings_all(embeds: bool) -> None:
    source, encoder = Toy(), toy_encoder()
    loader = make_loader(source, source.catalogue("test"), encoder, CPU, Loading())
    learner = Prototypical(encoder).eval()
    if not embeds:
        table = embed_positions(encoder, loader.gather, np.arange(len(loader.catalogue)))
        loader = ResidentLoader(loader.catalogue, {EMBEDDING: table}, CPU)
        learner = Prototypical(Embedded("toy", encoder.dim)).eval()
    sampler = Sampler(loader.catalogue, "test", Shape(5, 1, 15), 0)
    with torch.no_grad(), Counting() as seen:
        [some] = loader.episodes(sampler, 0, 4, 4)
        learner.adapt(some.support)(some.query_inputs)
    cores = {1} if embeds else {2}
    assert seen.cores["index_select"] == seen.cores["baddbmm"] == cores
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_cores")
def test_items_come_back_in_order_from_several_threads_of_one_core_each() -> None:
    together = threading.Barrier(2)

    def one(item: int) -> tuple[int, int, int]:
        together.wait(timeout=10)
        return item, torch.get_num_threads(), threading.get_ident()

    items, cores, threads = zip(*concurrently(one, range(8)), strict=True)
    assert list(items) == list(range(8))
    assert set(cores) == {1}
    assert len(set(threads)) == 2
    assert threading.get_ident() not in threads
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_cores")
def test_threads_see_the_callers_context_and_modes() -> None:
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(7)

    def seen(_: int) -> tuple[int, bool, bool, bool]:
        return (
            variable.get(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
        )

    assert set(concurrently(seen, range(4))) == {(7, True, False, False)}
    with torch.no_grad():
        assert set(concurrently(seen, range(4))) == {(7, False, False, False)}
    with torch.inference_mode():
        assert set(concurrently(seen, range(4))) == {(7, False, True, False)}
    for half in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", half):
            assert set(concurrently(seen, range(4))) == {(7, True, False, True)}
            assert set(concurrently(lambda _: torch.get_autocast_dtype("cpu"), range(4))) == {half}


@pytest.mark.usefixtures("two_cores")
def test_what_an_item_raises_is_raised_here() -> None:
    def one(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    with pytest.raises(ValueError, match="two"):
        concurrently(one, range(4))


@pytest.mark.usefixtures("two_cores")
def test_an_error_is_raised_once_all_have_ended_and_is_the_first_items() -> None:
    failing, ended = threading.Event(), list[int]()

    def one(item: int) -> None:
        if item == 1:
            failing.set()
            raise ValueError("one")
        failing.wait(timeout=10)
        time.sleep(0.05)
        ended.append(item)
        if item == 0:
            raise ValueError("none")

    with pytest.raises(ValueError, match="none"):
        concurrently(one, range(4))
    assert sorted(ended) == [0, 2, 3]


def test_a_replica_shares_parameters_and_has_buffers_of_its_own() -> None:
    module = nn.BatchNorm1d(3)
    other = replica(module)
    assert other.weight is module.weight
    other.running_mean += 1
    assert torch.equal(module.running_mean, torch.zeros(3))


class Half(nn.Module):
    """A network that tells how many examples came at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3).double()
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        return self.layer(x)


@pytest.mark.usefixtures("two_cores")
def test_without_a_graph_examples_pass_in_small_batches_to_the_same_embeddings() -> None:
    encoder, x = Half(), torch.randn(3, 50, 5, dtype=torch.float64)
    plain = embed(encoder, [{"tensor": x}], support_pass("frozen", 3))
    with torch.no_grad():
        cut = embed(encoder, [{"tensor": x}], support_pass("frozen", 3))
    assert encoder.seen[0] == 150
    assert sorted(encoder.seen[1:]) == [37, 37, 38, 38]
    torch.testing.assert_close(cut, plain.detach(), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("two_cores")
def test_small_batches_keep_the_inputs_apart_whatever_their_order() -> None:
    class Difference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.scale * (inputs["minuend"] - inputs["at"])

    first, second = torch.randn(2, 50, 5), torch.randn(2, 50, 5)
    with torch.no_grad():
        cut = embed(Difference(), [{"minuend": first, "at": second}], support_pass("frozen", 2))
    assert torch.equal(cut, 2 * (first - second))


LEARNERS = {
    "prototypical": lambda: Prototypical(toy_encoder(), learn_scale=True).double(),
    "maml": lambda: MAML(
        toy_encoder(), way=5, inner_steps=2, strategy="loop", multi_step_episodes=9
    ).double(),
    "meta_lstm": lambda: MetaLSTM(toy_encoder(), way=5, inner_steps=2, strategy="loop").double(),
    "siamese": lambda: Siamese(toy_encoder(), pairs=4).double(),
}


def trained(learner: Learner, episodes: int = 12, meta_batch: int = 3) -> dict[str, torch.Tensor]:
    source = Toy()
    catalogue = source.catalogue("train")
    loader = make_loader(source, catalogue, toy_encoder(), CPU, Loading())
    for name, leaf in loader._inputs.items():
        loader._inputs[name] = leaf.double()
    sampler = Sampler(catalogue, "train", Shape(5, 1, 3), 0)
    options = Train(episodes=episodes, meta_batch=meta_batch, queries=3, learning_rate=0.01, optimizer="sgd")
    train(learner, loader, sampler, options)
    return {name: value.clone() for name, value in learner.state_dict().items()}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_on_two_threads_is_that_on_one(
    name: str, set_cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[int] = []

    def counted(function, items):
        shares.append(len(items))
        return concurrently(function, items)

    monkeypatch.setattr(threads, "concurrently", counted)
    result = []
    for cores in (1, 2):
        set_cores(cores)
        torch.manual_seed(0)
        result.append(trained(LEARNERS[name]()))
    assert shares == [2] * 4
    assert result[0].keys() == result[1].keys()
    for key, value in result[0].items():
        torch.testing.assert_close(result[1][key], value, rtol=0, atol=1e-10, msg=key)
    norms = [key for key in result[0] if key.endswith("num_batches_tracked")]
    if name == "prototypical":
        assert {int(result[1][key]) for key in norms} == {12}


class Dropping(nn.Module):
    """The toy's encoder with dropout, whose numbers depend on the order of draws."""

    modality, dim = "toy", 32

    def __init__(self) -> None:
        super().__init__()
        self.inner = toy_encoder().double()
        self.dim = self.inner.dim

    def forward(self, inputs):
        return nn.functional.dropout(self.inner(inputs), 0.5, self.training)


@pytest.mark.usefixtures("two_cores")
def test_what_draws_random_numbers_stays_on_one_thread(
    set_cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And finding that out leaves no trace: one core alone, where nothing is tried, draws the same numbers."""
    monkeypatch.setattr(threads, "concurrently", lambda *_: pytest.fail("shared"))
    torch.manual_seed(0)
    first = trained(Prototypical(Dropping()), 6)
    for cores in (2, 1):
        set_cores(cores)
        torch.manual_seed(0)
        again = trained(Prototypical(Dropping()), 6)
        for name, value in first.items():
            torch.testing.assert_close(again[name], value, rtol=0, atol=1e-10, msg=name)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_evaluation_on_two_threads_is_that_on_one(
    name: str, set_cores: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kshot.evaluation.batches.RAW_NUMBERS", {"cpu": 1})
    monkeypatch.setattr("kshot.evaluation.batches.EMBEDDED_NUMBERS", {"cpu": 1})
    source = Toy()
    loader = make_loader(source, source.catalogue("test"), toy_encoder(), CPU, Loading())
    for key, leaf in loader._inputs.items():
        loader._inputs[key] = leaf.double()
    sampler = Sampler(loader.catalogue, "test", Shape(5, 1, 3), 0)
    learner, scored = LEARNERS[name](), []
    for cores in (1, 2):
        set_cores(cores)
        scored += evaluate(learner, loader, [sampler], 9)
    for field in ("accuracy", "labels", "predicted", "rank"):
        np.testing.assert_array_equal(
            getattr(scored[0].outcomes, field), getattr(scored[1].outcomes, field), field
        )
    np.testing.assert_allclose(scored[0].outcomes.confidence, scored[1].outcomes.confidence, rtol=1e-6)
