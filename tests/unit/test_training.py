"""Training learns, repeats itself to the bit, and stops at what is not a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import pytest
import torch
from kshot.config import Loading, Train
from kshot.episode import Episodes, Inputs
from kshot.errors import CellError, PluginError
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.learners.prototypical import Prototypical
from kshot.loading import make_loader
from kshot.metrics import Interval
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import Training, train
from kshot.training.optimisation import Meter, Optimiser
from torch import Tensor, nn

CPU = torch.device("cpu")
SHAPE = Shape(5, 1, 5)


def fit(
    options: Train, seed: int = 0, learner: Learner | None = None, **more: object
) -> tuple[Learner, Training]:
    torch.manual_seed(seed)
    encoder = toy_encoder()
    learner = learner or Prototypical(encoder)
    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())
    sampler = Sampler(source.catalogue("train"), "train", SHAPE, seed)
    return learner, train(learner, loader, sampler, options, **more)


def accuracy(learner: Learner, policy: str = "frozen") -> Interval:
    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("test"), toy_encoder(), CPU, Loading())
    sampler = Sampler(source.catalogue("test"), "test", SHAPE, 1)
    [scored] = evaluate(learner, loader, [sampler], 100, batch_statistics=policy)
    return scored.accuracy


def test_training_beats_the_untrained_encoder() -> None:
    torch.manual_seed(0)
    before = accuracy(Prototypical(toy_encoder()))
    learner, training = fit(Train(episodes=400, meta_batch=4, learning_rate=3e-3))
    after = accuracy(learner)
    assert after.mean - after.ci95 > before.mean + before.ci95 + 0.15
    assert training.curve[-1].loss < math.log(5)
    assert training.episodes == 400


def test_two_trainings_are_bit_equal() -> None:
    options = Train(episodes=30, meta_batch=4)
    one, _ = fit(options)
    torch.rand(7)
    two, _ = fit(options)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    other, _ = fit(options, seed=1)
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_step_over_several_episodes_is_the_mean_of_their_gradients() -> None:
    torch.manual_seed(0)
    encoder = toy_encoder(norm="none").double()
    learner = Prototypical(encoder)
    source = Toy()
    loader = make_loader(source, source.catalogue("train"), encoder, CPU, Loading())
    sampler = Sampler(source.catalogue("train"), "train", SHAPE, 0)
    [batch] = loader.episodes(sampler, 0, 3, 3)
    doubled = [
        type(batch)(
            *(
                tuple(type(b)({"values": b.inputs["values"].double()}, b.labels, b.way) for b in blocks)
                for blocks in (one.support, one.query)
            ),
            one.classes,
        )
        for one in (batch, *(batch.slice(t, t + 1) for t in range(3)))
    ]
    gradients = [torch.autograd.grad(learner.loss(one), list(encoder.parameters())) for one in doubled]
    for together, *alone in zip(*gradients, strict=True):
        torch.testing.assert_close(together, sum(alone) / 3, rtol=1e-9, atol=1e-12)


def test_validation_comes_evenly_and_last_at_the_end() -> None:
    asked = []

    def validate(episodes: int) -> Interval:
        asked.append(episodes)
        return Interval(0.5, 0.1)

    _, training = fit(Train(episodes=50, meta_batch=4, validations=3), validate=validate)
    assert asked == [20, 36, 50]
    assert [point.episodes for point in training.curve] == asked
    assert all(point.validation == Interval(0.5, 0.1) for point in training.curve)


def test_validation_does_not_change_training() -> None:
    plain, _ = fit(Train(episodes=24, meta_batch=2))
    torch.manual_seed(0)
    learner = Prototypical(toy_encoder())
    fit(
        Train(episodes=24, meta_batch=2, validations=4), learner=learner, validate=lambda _: accuracy(learner)
    )
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), learner.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(plain.buffers(), learner.buffers(), strict=True))


def test_a_validation_that_leaves_evaluation_mode_does_not_change_training() -> None:
    plain, _ = fit(Train(episodes=12, meta_batch=2))
    torch.manual_seed(0)
    learner = Prototypical(toy_encoder())

    def validate(episodes: int) -> Interval:
        learner.eval()
        return Interval(0.5, 0.1)

    fit(Train(episodes=12, meta_batch=2, validations=3), learner=learner, validate=validate)
    for name, value in plain.state_dict().items():
        assert torch.equal(learner.state_dict()[name], value), name
    assert learner.training


def test_a_frozen_encoder_keeps_its_statistics() -> None:
    encoder = toy_encoder().requires_grad_(False)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    learner = Prototypical(encoder, learn_scale=True)
    fit(Train(episodes=10), learner=learner)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert learner.log_scale.item() != 0


def test_a_loss_that_is_not_a_number_stops_with_its_place() -> None:
    learner = Prototypical(toy_encoder())
    with (
        pytest.raises(
            CellError, match=r"loss was not finite in step 1; this training had moved nothing by then"
        ),
        torch.no_grad(),
    ):
        learner.encoder.first.weight.fill_(math.nan)
        with torch.enable_grad():
            fit(Train(episodes=5), learner=learner)


class ByHand:
    """An optimiser's steps written out, for the loss ½ Σ c·w² over two weights."""

    def __init__(self, optimizer: str, decay: float) -> None:
        self.optimizer, self.decay = optimizer, decay
        self.curvatures = (2.0, 5.0)
        self.weights = [torch.tensor([1.0, -2.0]).double(), torch.tensor([[3.0]]).double()]
        self.first, self.second = ([torch.zeros_like(one) for one in self.weights] for _ in range(2))

    def step(self, number: int, rates: tuple[float, float], clip: float) -> None:
        gradients = [c * w for c, w in zip(self.curvatures, self.weights, strict=True)]
        norm = math.sqrt(sum(float(one.square().sum()) for one in gradients))
        for k, (gradient, rate) in enumerate(zip(gradients, rates, strict=True)):
            g, w = gradient * min(1.0, clip / (norm + 1e-6)), self.weights[k]
            if self.optimizer == "adamw":
                w = w - rate * self.decay * w
            else:
                g = g + self.decay * w
            if self.optimizer == "sgd":
                self.first[k] = 0.9 * self.first[k] + g
                self.weights[k] = w - rate * self.first[k]
                continue
            self.first[k] = 0.9 * self.first[k] + 0.1 * g
            self.second[k] = 0.999 * self.second[k] + 0.001 * g.square()
            mean, square = (
                self.first[k] / (1 - 0.9 ** (number + 1)),
                self.second[k] / (1 - 0.999 ** (number + 1)),
            )
            self.weights[k] = w - rate * mean / (square.sqrt() + 1e-8)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_an_optimisers_steps_are_those_written_out(optimizer: str) -> None:
    options = Train(
        optimizer=optimizer,
        schedule="halving",
        halving_every=2,
        clip=3.0,
        weight_decay=0.1,
        learning_rate=0.05,
    )
    hand = ByHand(optimizer, 0.1)
    weights = [nn.Parameter(one.clone()) for one in hand.weights]
    found = Optimiser(weights, options, 6, 1, {weights[1]: 0.25})
    for number in range(6):
        loss = sum(c * w.square().sum() / 2 for c, w in zip(hand.curvatures, weights, strict=True))
        found.step(loss, number)
        rate = 0.05 * 0.5 ** (number // 2)
        hand.step(number, (rate, rate / 4), 3.0)
        for own, expected in zip(weights, hand.weights, strict=True):
            torch.testing.assert_close(own.detach(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_support_and_queries_are_varied_by_draws_of_the_trainings_seed(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, met = Prototypical(toy_encoder()), list[Episodes]()
    plain = learner.loss

    def augment(inputs: Inputs, generator: torch.Generator) -> Inputs:
        return {"values": inputs["values"] + torch.randn(inputs["values"].shape, generator=generator)}

    def loss(episodes: Episodes) -> torch.Tensor:
        met.append(episodes)
        return plain(episodes)

    monkeypatch.setattr(type(learner.encoder), "augments", True)
    learner.encoder.augment, learner.loss = augment, loss
    fit(Train(episodes=4, meta_batch=2), seed, learner)

    source = Toy(classes=30)
    loader = make_loader(source, source.catalogue("train"), toy_encoder(), CPU, Loading())
    generator = torch.Generator().manual_seed(seed)
    expected = loader.episodes(Sampler(loader.catalogue, "train", SHAPE, seed), 0, 4, 2)
    for found, given in zip(met, expected, strict=True):
        blocks = zip((*found.support, *found.query), (*given.support, *given.query), strict=True)
        for block, before in blocks:
            values = before.inputs["values"]
            noise = torch.randn(values.flatten(0, 1).shape, generator=generator).view(values.shape)
            assert torch.equal(block.inputs["values"], values + noise)
            assert torch.equal(block.labels, before.labels)


def test_a_meter_gives_the_mean_since_it_was_asked_last_and_goes_on_from_a_state() -> None:
    meter, other = Meter(CPU), Meter(CPU)
    assert math.isnan(meter.take(""))
    for step, loss in enumerate((1.0, 2.0, 6.0)):
        meter.add(torch.tensor(loss), step)
    assert meter.take("") == 3.0
    assert math.isnan(meter.take(""))
    meter.add(torch.tensor(5.0), 3)
    other.restore({name: value.clone() for name, value in meter.state().items()})
    for one in (meter, other):
        one.add(torch.tensor(8.0), 4)
        assert one.take("") == 6.5


def test_a_training_counts_its_steps_from_zero_and_knows_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, numbers = [], []

    def schedule(options: Train, steps: int, examples: int) -> Callable[[int], float]:
        told.append((steps, examples))
        return lambda number: numbers.append(number) or 1.0

    monkeypatch.setattr("kshot.training.optimisation.schedule", schedule)
    fit(Train(episodes=10, meta_batch=4))
    assert told == [(3, 4)]
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "halving"])
def test_every_optimiser_and_schedule_moves_the_parameters(optimizer: str, schedule: str) -> None:
    torch.manual_seed(0)
    start = [p.clone() for p in Prototypical(toy_encoder()).parameters()]
    learner, _ = fit(Train(episodes=6, optimizer=optimizer, schedule=schedule, clip=1.0, weight_decay=1e-4))
    moved = [not torch.equal(a, b) for a, b in zip(start, learner.parameters(), strict=True)]
    assert any(moved)
    assert all(torch.isfinite(p).all() for p in learner.parameters())


def test_schedules_start_high_and_end_low() -> None:
    from kshot.training.optimisation import schedule

    cosine = schedule(Train(schedule="cosine"), 25, 4)
    assert cosine(0) == 1
    assert cosine(5) == pytest.approx((1 + math.cos(math.pi / 5)) / 2)
    assert cosine(25) == pytest.approx(0)
    halving = schedule(Train(schedule="halving"), 25, 4)
    assert [halving(step) for step in (0, 4, 5, 10, 24)] == [1, 1, 0.5, 0.25, 0.0625]
    every = schedule(Train(schedule="halving", halving_every=8), 25, 4)
    assert [every(step) for step in (0, 1, 2, 4, 24)] == [1, 1, 0.5, 0.25, 2**-12]


@pytest.mark.parametrize(
    ("capability", "precision", "told"),
    [("AVX2", "bfloat16", 1), ("AVX512", "bfloat16", 0), ("AVX2", "float32", 0)],
)
def test_half_precision_that_is_slow_here_is_told_once(
    capability: str,
    precision: Literal["float32", "bfloat16"],
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from kshot.training.optimisation import _tell_slow_half

    _tell_slow_half.cache_clear()
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: capability)
    fit(Train(episodes=2, precision=precision))
    assert sum("bfloat16 on a processor without AVX-512" in message for message in caplog.messages) == told


class Odd(Prototypical):
    """A loss that no learner may give, by what is made of that of prototypical networks."""

    def __init__(self, change: Callable[[Tensor], object]) -> None:
        super().__init__(toy_encoder())
        self.change = change

    def loss(self, episodes):
        return self.change(super().loss(episodes))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda loss: float(loss.detach()), "a float;"),
        (lambda loss: loss.detach(), r"\(\) of torch.float32 without a gradient;"),
        (lambda loss: loss.reshape(1), r"\(1,\) of torch.float32;"),
        (lambda loss: None, "a NoneType;"),
    ],
)
@pytest.mark.parametrize("meta_batch", [1, 4])
def test_what_is_no_loss_names_the_learner(
    change: Callable[[Tensor], object], found: str, meta_batch: int
) -> None:
    with pytest.raises(PluginError, match=rf"Odd: its loss\(\) gives {found} it must give a scalar tensor"):
        fit(Train(episodes=8, meta_batch=meta_batch), learner=Odd(change))
