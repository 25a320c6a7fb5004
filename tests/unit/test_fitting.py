"""What does not fit into memory is computed in parts: to the same numbers, and said once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.config import Loading, Pretrain, Train
from kshot.episode import Episodes
from kshot.errors import CellError
from kshot.evaluation import Scored, scoring
from kshot.functional.fitting import Fitting, is_shortage
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.matching import Matching
from kshot.learners.meta_lstm import MetaLSTM
from kshot.learners.prototypical import Prototypical
from kshot.learners.siamese import Siamese
from kshot.loading import Loader, embed_examples, make_loader
from kshot.rejection import Rejection
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import Checkpoint, Training, pretrain, train

CPU = torch.device("cpu")
SHAPE = Shape(5, 1, 5)


class Room:
    """Memory for so many things."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []

    def take(self, count: int) -> None:
        self.asked.append(count)
        if count > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total.")


def test_parts_are_halved_until_they_fit_and_stay_so() -> None:
    told: list[int] = []
    fitting, room = Fitting(told.append), Room(3)

    def compute(parts: Sequence[range]) -> list[int]:
        for part in parts:
            room.take(len(part))
        return [place for part in parts for place in part]

    assert fitting(3, compute) == list(range(3))
    assert fitting.most is None
    assert fitting(13, compute) == list(range(13))
    assert (fitting.most, told) == (2, [2])
    assert room.asked == [3, 13, 6, 3, 3, 3, 4, 1, 2, 2, 2, 2, 2, 2]
    room.asked.clear()
    assert fitting(5, compute) == list(range(5))
    assert room.asked == [1, 2, 2]
    fitting.limit(None)
    fitting.limit(4)
    assert (fitting.most, told) == (2, [2])
    fitting.limit(1)
    assert (fitting.most, told) == (1, [2, 1])


def test_one_item_that_does_not_fit_is_one_message() -> None:
    def compute(parts: Sequence[range]) -> None:
        Room(0).take(len(parts[0]))

    undone: list[int] = []
    with pytest.raises(CellError) as raised:
        Fitting(what="picture", mend="take a smaller one")(4, compute, lambda: undone.append(1))
    assert str(raised.value) == (
        "one picture alone does not fit into memory (CUDA out of memory. Tried to allocate 2.00 GiB); "
        "take a smaller one"
    )
    assert len(undone) == 2, "4 and 2"


def test_what_is_no_lack_of_memory_is_raised_as_it_is() -> None:
    def compute(parts: Sequence[range]) -> None:
        raise RuntimeError("the ink ran dry")

    with pytest.raises(RuntimeError, match="the ink ran dry"):
        Fitting()(4, compute)
    assert is_shortage(
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")
    )
    assert is_shortage(
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)")
    )
    assert not is_shortage(MemoryError())


def test_what_the_machine_itself_says_of_too_much_is_understood() -> None:
    try:
        torch.empty(2**60, dtype=torch.uint8)
    except RuntimeError as error:
        assert is_shortage(error)
    else:
        pytest.skip("this machine promises an exabyte")


LEARNERS: dict[str, Callable[[], Learner]] = {
    "prototypical": lambda: Prototypical(toy_encoder()),
    "matching": lambda: Matching(toy_encoder()),
    "siamese": lambda: Siamese(toy_encoder()),
    "siamese, drawn pairs": lambda: Siamese(toy_encoder(), pairs=20),
    "maml": lambda: MAML(toy_encoder(), way=5, inner_steps=2, inner_rate=0.05),
    "maml by the loop": lambda: MAML(toy_encoder(), way=5, inner_steps=2, strategy="loop"),
    "maml, frozen": lambda: _frozen(MAML(toy_encoder(), way=5, inner_steps=1)),
    "maml of several steps": lambda: MAML(toy_encoder(), way=5, inner_steps=2, multi_step_episodes=20),
    "meta_lstm": lambda: MetaLSTM(toy_encoder(), way=5, inner_steps=2, hidden=4),
}


def _frozen(learner: Learner) -> Learner:
    learner.batch_statistics = "frozen"
    return learner


def short_of(learner: Learner, room: Room) -> Learner:
    """The learner, which finds out that its loss does not fit when it has been computed."""
    plain = learner.loss

    def loss(episodes: Episodes) -> torch.Tensor:
        value = plain(episodes)
        room.take(len(episodes))
        return value

    learner.loss = loss
    return learner


def fitted(learner: Learner, episodes: int = 25, **more: object) -> Training:
    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("train"), toy_encoder(), CPU, Loading())
    sampler = Sampler(source.catalogue("train"), "train", SHAPE, 0)
    # Adam would make steps of the rounding in gradients that are zero, as of a bias before a batch norm.
    options = Train(episodes=episodes, meta_batch=5, optimizer="sgd", learning_rate=0.01)
    return train(learner, loader, sampler, options, **more)


def both(name: str, room: Room) -> tuple[Learner, Training, Learner, Training]:
    """Trained with all the memory, and with little."""
    found: list[object] = []
    for spoil in (lambda learner: learner, lambda learner: short_of(learner, room)):
        torch.manual_seed(0)
        learner = spoil(LEARNERS[name]())
        found += [learner, fitted(learner)]
    return tuple(found)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_training_in_portions_ends_with_the_same_weights_and_statistics(name: str) -> None:
    room = Room(2)
    learner, training, portioned, told = both(name, room)
    assert (training.at_once, told.at_once) == (None, 2)
    assert [one for one in room.asked if one > 2] == [5, 3], "once each"
    for one, other in zip(training.curve, told.curve, strict=True):
        assert other.loss == pytest.approx(one.loss, abs=1e-5)
    before, after = learner.state_dict(), portioned.state_dict()
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, rtol=1e-4, atol=1e-5, msg=key)


def test_shares_of_threads_that_do_not_fit_are_computed_in_portions() -> None:
    count = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(0)
        plain = Prototypical(toy_encoder())
        fitted(plain)
        torch.manual_seed(0)
        learner = Prototypical(toy_encoder())
        first = learner.encoder.first
        room = Room(60)
        first.register_forward_hook(lambda module, inputs, output: room.take(len(output)))
        training = fitted(learner)
    finally:
        torch.set_num_threads(count)
    assert training.at_once == 2
    for one, other in zip(plain.state_dict().values(), learner.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_training_that_goes_on_remembers_what_fitted(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.safetensors", "key")
    torch.manual_seed(0)
    fitted(short_of(Prototypical(toy_encoder()), Room(2)), checkpoint=checkpoint)
    told: list[int] = []
    room = Room(2)
    learner = short_of(Prototypical(toy_encoder()), room)
    longer = fitted(learner, 40, checkpoint=checkpoint, fitting=Fitting(told.append))
    assert (longer.episodes, longer.at_once, told, max(room.asked)) == (40, 2, [2], 2)
    other = Checkpoint(tmp_path / "other.safetensors", "another key", start=tmp_path / "c.safetensors")
    again = fitted(Prototypical(toy_encoder()), 60, checkpoint=other)
    assert (again.episodes, again.at_once) == (60, None), "another training's memory is its own"


def scored(learner: Learner, loader: Loader, fitting: Fitting | None = None) -> Scored:
    sampler = Sampler(loader.catalogue, "test", SHAPE, 1)
    rejection = Rejection(classes=2, queries=3, seed=0)
    with scoring(learner, loader, [sampler], 20, "support", rejection=rejection, fitting=fitting) as score:
        return score(sampler)


def test_an_evaluation_in_parts_gives_the_same_answers() -> None:
    torch.manual_seed(0)
    learner = Prototypical(toy_encoder())
    source, told = Toy(classes=30), list[int]()
    loader = make_loader(source, source.catalogue("test"), toy_encoder(), CPU, Loading())
    whole = scored(learner, loader)
    room = Room(4 * 25)
    learner.encoder.first.register_forward_hook(lambda module, inputs, output: room.take(len(output)))
    parts = scored(learner, loader, Fitting(told.append))
    assert (whole.at_once, parts.at_once, told) == (None, 3, [3])
    assert parts.accuracy == whole.accuracy
    assert np.array_equal(parts.outcomes.predicted, whole.outcomes.predicted)
    np.testing.assert_allclose(parts.outcomes.confidence, whole.outcomes.confidence, atol=1e-5)
    assert parts.metrics.keys() == whole.metrics.keys()
    for name, value in whole.metrics.items():
        assert parts.metrics[name].mean == pytest.approx(value.mean, abs=1e-6)


def test_examples_that_do_not_fit_together_are_embedded_fewer_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    encoder, source = toy_encoder(), Toy()
    loader = make_loader(source, source.catalogue("test"), encoder, CPU, Loading())
    positions = np.arange(len(loader.catalogue))
    plain = embed_examples(encoder, loader, positions)
    room = Room(12)
    encoder.first.register_forward_hook(lambda module, inputs, output: room.take(len(output)))
    torch.testing.assert_close(embed_examples(encoder, loader, positions), plain)
    assert caplog.messages == ["memory is short; examples are embedded 10 at once"]


def test_a_pretraining_batch_that_does_not_fit_is_one_message() -> None:
    encoder, source, room = toy_encoder(), Toy(), Room(40)
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())
    encoder.first.register_forward_hook(lambda module, inputs, output: room.take(len(output)))
    with pytest.raises(
        CellError, match=r"^a batch of 64 in pretraining does not fit .*; lower pretrain\.batch$"
    ):
        pretrain(encoder, loader, Pretrain(epochs=1, batch=64), "linear", 0)
