"""MAML against closed forms, finite differences and loops written out by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes, inputs_of, labels_of
from kshot.functional.strategy import Strategy
from kshot.functional.tasks import HEAD_BIAS, HEAD_WEIGHT, Tasks, Weights
from kshot.learners.heads import PrototypeHead
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.testing import toy_encoder, toy_subject
from torch import Tensor, nn

SUBJECT = toy_subject()


def episodes(**more: Any) -> Episodes:
    return SUBJECT.episodes(dtype=torch.float64, **more)


def learner(norm: str = "batch", seed: int = 0, **options: Any) -> MAML:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MAML(toy_encoder(dim=8, norm=norm), way=3, **options).double()


class Quadratic:
    """Tasks whose support loss is ½ (w - a)ᵀ A (w - a): its minimum and curvature are known."""

    def __init__(self, curvature: Tensor, centres: Tensor) -> None:
        self.curvature, self.centres = curvature, centres

    def __len__(self) -> int:
        return len(self.centres)

    def gradients(self, weights: Weights, create_graph: bool) -> tuple[Tensor, dict[str, Tensor]]:
        [(name, w)] = {**weights.shared, **weights.own}.items()
        off = w - self.centres
        gradient = off @ self.curvature
        return (off * gradient).sum(1) / 2, {name: gradient if create_graph else gradient.detach()}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_meta_gradient_of_a_quadratic_is_the_closed_form(order: int, steps: int) -> None:
    """w_K - a = (I - αA)^K (w - a); the meta-loss ½‖w_K - b‖² has gradient M (w_K - b), where
    M = (I - αA)^K, or I where the steps' gradients count as constants."""
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    curvature = root @ root.T
    centres = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    targets = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    w = torch.randn(4, generator=generator, dtype=torch.float64, requires_grad=True)
    subject = learner(inner_steps=steps, inner_rate=0.05, order=order)
    adapted = subject.descend(Quadratic(curvature, centres), Weights({"w": w}, {}))[-1].own["w"]
    shrink = torch.linalg.matrix_power(torch.eye(4, dtype=torch.float64) - 0.05 * curvature, steps)
    torch.testing.assert_close(adapted, centres + (w - centres) @ shrink, rtol=1e-12, atol=1e-12)
    [found] = torch.autograd.grad(((adapted - targets) ** 2).sum() / 2, w)
    through = shrink if order == 2 else torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(found, ((adapted - targets) @ through).sum(0), rtol=1e-12, atol=1e-12)


class Smooth(nn.Module):
    """Has derivatives of any order everywhere, unlike a ReLU."""

    dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 2)
        self.norm = nn.BatchNorm1d(2)
        self.last = nn.Linear(2, 3)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.last(torch.tanh(self.norm(self.first(inputs["values"]))))


@pytest.mark.parametrize("vmap", [False, True])
def test_the_inner_step_has_a_right_second_derivative(vmap: bool) -> None:
    """A step's gradient, differentiated by autograd, against finite differences; and once more."""
    torch.manual_seed(0)
    encoder = MAML(Smooth(), way=3).double().encoder
    batch = episodes(count=2)
    tasks = Tasks(encoder, inputs_of(batch.support), labels_of(batch.support), "query", Strategy(vmap))
    names = [f"encoder.{name}" for name, _ in encoder.named_parameters()] + [HEAD_WEIGHT, HEAD_BIAS]
    start = [p.detach().clone() for p in encoder.parameters()] + [
        torch.randn(3, 3).double(),
        torch.zeros(3).double(),
    ]

    def step(*values: Tensor) -> tuple[Tensor, ...]:
        _, gradients = tasks.gradients(Weights(dict(zip(names, values, strict=True)), {}), create_graph=True)
        return tuple(gradients[name] for name in names)

    wanted = [value.requires_grad_() for value in start]
    assert torch.autograd.gradcheck(step, wanted, atol=1e-7, rtol=1e-5)
    assert torch.autograd.gradgradcheck(lambda *v: step(*v)[-2], wanted, atol=1e-6, rtol=1e-4)


def written_out(
    subject: MAML, batch: Episodes, steps: int, rate: float, order: int, policy: str = "query"
) -> Tensor:
    """The meta-loss by autograd, task after task, the toy's perceptron as formulas."""
    running = subject.encoder.norm.running_mean.clone(), subject.encoder.norm.running_var.clone()
    losses = []
    for t in range(len(batch)):
        one = batch.slice(t, t + 1)
        own = dict(subject.named_parameters())
        x, y = one.support[0].inputs["values"][0], one.support[0].labels[0]
        q, z = one.query[0].inputs["values"][0], one.query[0].labels[0]

        def network(w: dict[str, Tensor], x: Tensor, seen: Tensor) -> Tensor:
            """The classes of ``x`` by the statistics of ``seen``, or the running ones."""
            hidden, other = (
                some @ w["encoder.first.weight"].T + w["encoder.first.bias"] for some in (x, seen)
            )
            own = other.mean(0), other.var(0, correction=0)
            mean, variance = running if policy == "frozen" else own
            hidden = (hidden - mean) / (variance + 1e-5).sqrt()
            hidden = torch.relu(hidden * w["encoder.norm.weight"] + w["encoder.norm.bias"])
            embedded = hidden @ w["encoder.last.weight"].T + w["encoder.last.bias"]
            return embedded @ w["head.linear.weight"].T + w["head.linear.bias"]

        adapted = [name for name in own if ".norm." not in name]
        weights = dict(own)
        for _ in range(steps):
            gradients = torch.autograd.grad(
                F.cross_entropy(network(weights, x, x), y),
                [weights[n] for n in adapted],
                create_graph=order == 2,
            )
            moved = {n: weights[n] - rate * g for n, g in zip(adapted, gradients, strict=True)}
            weights = {**weights, **moved}
        losses.append(F.cross_entropy(network(weights, q, x if policy == "support" else q), z))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("policy", ["query", "support", "frozen", "frozen, in training"])
@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_loss_and_gradient_are_those_of_the_algorithm_written_out(
    strategy: str, policy: str, steps: int, order: int
) -> None:
    batch = episodes()
    subject = learner(inner_steps=steps, inner_rate=0.3, order=order, strategy=strategy)
    assert subject.batch_statistics == "support"  # unless another is asked for
    subject.batch_statistics = policy.partition(",")[0]
    subject.encoder.norm.running_mean.uniform_(-1, 1)
    subject.encoder.norm.running_var.uniform_(0.5, 2)
    if policy == "frozen":
        subject.encoder.eval()
    parameters = [p for p in subject.parameters() if p.requires_grad]
    found = subject.loss(batch)
    wanted = written_out(subject, batch, steps, 0.3, order, policy)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    ours, theirs = torch.autograd.grad(found, parameters), torch.autograd.grad(wanted, parameters)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_first_and_second_order_differ() -> None:
    batch = episodes()
    one, two = (learner(inner_steps=3, order=order) for order in (1, 2))
    assert torch.equal(one.loss(batch), two.loss(batch))
    gradients = [torch.autograd.grad(m.loss(batch), m.encoder.first.weight)[0] for m in (one, two)]
    assert (gradients[0] - gradients[1]).norm() > 0.05 * gradients[1].norm()


def test_a_prototype_head_starts_as_nearest_means() -> None:
    batch = episodes(shots=(1, 2, 4))
    encoder = toy_encoder(dim=8).double()
    subject = MAML(copy.deepcopy(encoder), adapt="head", head="prototype", inner_rate=1e-30).double().eval()
    nearest = Prototypical(encoder).double().eval()
    ours = subject.adapt(batch.support)(batch.query_inputs)
    theirs = nearest.adapt(batch.support)(batch.query_inputs)
    torch.testing.assert_close(ours.log_softmax(-1), theirs.log_softmax(-1), rtol=1e-9, atol=1e-9)


def test_prototypes_are_of_embeddings_by_the_supports_own_statistics() -> None:
    batch, subject, seen = episodes(), learner(head="prototype"), list[Weights]()
    subject.encoder.norm.running_mean.fill_(3.0)
    plain = copy.deepcopy(subject.encoder)
    subject.descend = lambda tasks, start: seen.append(start) or [start]
    subject.loss(batch)
    assert int(subject.encoder.norm.num_batches_tracked) == 0
    for t, weight in enumerate(seen[0].own[HEAD_WEIGHT]):
        labels = batch.support[0].labels[t]
        embedded = plain({"values": batch.support[0].inputs["values"][t]})
        means = torch.stack([embedded[labels == k].mean(0) for k in range(3)])
        torch.testing.assert_close(weight, 2 * means, rtol=0, atol=1e-10)


def test_gradients_reach_the_encoder_through_a_prototype_head() -> None:
    subject = learner(adapt="head", head="prototype")
    subject.loss(episodes()).backward()
    assert subject.encoder.first.weight.grad.abs().sum() > 0


def test_gradients_of_a_prototype_heads_start() -> None:
    generator = torch.Generator().manual_seed(0)
    embedded = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[0, 1, 1, 2, 0], [2, 1, 0, 0, 0]])

    def start(x: Tensor) -> Tensor:  # weights and biases in one, so that neither may be without a gradient
        return torch.cat([one.flatten() for one in PrototypeHead().start(3, x, labels).own.values()])

    assert torch.autograd.gradcheck(start, embedded)


@pytest.mark.parametrize("head", ["shared", "prototype"])
def test_heads_that_serve_any_way(head: str) -> None:
    subject = MAML(toy_encoder(), head=head, inner_steps=2)
    for way in (2, 5):
        batch = SUBJECT.episodes(way=way)
        assert subject.adapt(batch.support)(batch.query_inputs).shape == (3, way * 4, way)


@pytest.mark.parametrize("adapt", ["head", "all"])
def test_a_head_of_fixed_way_refuses_another(adapt: str) -> None:
    subject = MAML(toy_encoder(), way=5, adapt=adapt)
    assert subject.way == 5
    with pytest.raises(ValueError, match="built for 5 classes and the episode has 3; take head 'prototype'"):
        subject.adapt(SUBJECT.episodes().support)
    with pytest.raises(ValueError, match="give the way"):
        MAML(toy_encoder())


def test_a_subset_that_the_encoder_lacks() -> None:
    with pytest.raises(
        ValueError, match=r"adapt: lora is not among what _ToyEncoder offers \(head, all, last\)"
    ):
        MAML(toy_encoder(), way=3, adapt="lora")
    with pytest.raises(ValueError, match="no parameters in Identity; take adapt: head"):
        identity = nn.Identity()
        identity.dim = 4
        MAML(identity, way=3)


@pytest.mark.parametrize("strategy", ["vmap", "loop"])
def test_whole_numbers_are_not_adapted(strategy: str) -> None:
    subject, encoder = toy_subject(), toy_encoder()
    encoder.counted = nn.Parameter(torch.arange(3), requires_grad=False)
    learner = MAML(encoder, way=3, inner_steps=2, strategy=strategy)
    learner.loss(subject.episodes()).backward()
    assert encoder.counted.tolist() == [0, 1, 2]


def test_only_the_subset_is_adapted() -> None:
    batch = episodes(count=1)
    seen: list[list[str]] = []

    def spy(tasks: Tasks, start: Weights) -> list[Weights]:
        seen.append(sorted({**start.shared, **start.own}))
        return [start]

    for adapt in ("head", "last", "all"):
        subject = learner(adapt=adapt)
        subject.descend = spy
        subject.adapt(batch.support)
    head = ["head.bias", "head.weight"]
    last = ["encoder.last.bias", "encoder.last.weight"]
    assert seen == [head, [*last, *head], ["encoder.first.bias", "encoder.first.weight", *last, *head]]


@pytest.mark.parametrize(("kind", "sizes"), [("tensor", {(3,)}), ("element", {(1,), (1, 8), (1, 16)})])
def test_learned_rates_start_at_the_rate_and_are_trained(kind: str, sizes: set[tuple[int, ...]]) -> None:
    batch = episodes()
    fixed = learner(inner_steps=3, inner_rate=0.2)
    rated = learner(inner_steps=3, inner_rate=0.2, learned_rates=kind)
    torch.testing.assert_close(fixed.loss(batch), rated.loss(batch), rtol=1e-7, atol=1e-7)
    assert {tuple(p.shape) for p in rated.rates.values()} >= sizes
    rated.loss(batch).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in rated.rates.values())


def test_steps_at_test_may_be_more_and_use_the_last_rate() -> None:
    batch = episodes()
    subject = learner(inner_steps=1, test_steps=4, learned_rates="tensor", inner_rate=0.2)
    plain = learner(inner_steps=4, inner_rate=0.2)
    for one in (subject, plain):
        one.eval()
    ours, theirs = (one.adapt(batch.support)(batch.query_inputs) for one in (subject, plain))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    subject.train()
    assert not torch.allclose(subject.adapt(batch.support)(batch.query_inputs), theirs)


def test_the_multi_step_loss_moves_to_the_last_step() -> None:
    batch = episodes()
    several = learner(inner_steps=3, multi_step_episodes=6)
    each = [float(learner(inner_steps=k).loss(batch).detach()) for k in (1, 2, 3)]
    wanted = [sum(each) / 3, (sum(each) / 3 + each[2]) / 2, each[2], each[2]]
    found = [float(several.loss(batch).detach()) for _ in range(4)]
    assert found == pytest.approx(wanted, rel=1e-9)
    assert int(several.episodes_seen) == 6 * 2


def test_running_statistics_come_from_the_support_at_the_first_weights() -> None:
    batch = episodes(count=1)
    subject = learner()
    subject.batch_statistics = "frozen"
    hidden = subject.encoder.first(batch.support[0].inputs["values"][0])
    subject.loss(batch)
    torch.testing.assert_close(subject.encoder.norm.running_mean, 0.1 * hidden.mean(0).detach())
    before = copy.deepcopy(subject.state_dict())
    subject.adapt(batch.support)(batch.query_inputs)
    assert all(torch.equal(value, before[name]) for name, value in subject.state_dict().items())


@pytest.mark.parametrize("policy", ["support", "query"])
def test_running_statistics_that_nothing_is_read_from_stay(policy: str) -> None:
    subject = learner()
    subject.batch_statistics = policy
    subject.loss(episodes())
    assert not subject.encoder.norm.running_mean.any()
    assert int(subject.encoder.norm.num_batches_tracked) == 0


def test_a_frozen_encoder_may_be_adapted_and_stays_as_it_was() -> None:
    batch = episodes()
    subject = learner()
    subject.encoder.requires_grad_(False).eval()
    before = copy.deepcopy(subject.encoder.state_dict())
    subject.loss(batch).backward()
    assert subject.head.linear.weight.grad is not None
    assert all(torch.equal(value, before[name]) for name, value in subject.encoder.state_dict().items())


def test_evaluation_keeps_no_graph() -> None:
    subject = learner(inner_steps=3).eval()
    with torch.no_grad():
        logits = subject.adapt(episodes().support)(episodes().query_inputs)
    assert logits.grad_fn is None
    assert logits.isfinite().all()


def test_adapting_lowers_the_support_loss() -> None:
    batch = episodes()
    subject = learner(norm="none", inner_steps=30, inner_rate=0.1).eval()
    logits = subject.adapt(batch.support)(inputs_of(batch.support))
    loss = F.cross_entropy(logits.flatten(0, 1), labels_of(batch.support).flatten())
    assert float(loss.detach()) < 0.7 * math.log(3)


@pytest.mark.parametrize("build", [lambda: nn.LSTM(4, 4), lambda: nn.Sequential(nn.GRU(4, 4))])
def test_vmap_is_refused_where_it_cannot_go(build: Callable[[], nn.Module]) -> None:
    encoder = build()
    encoder.dim = 4
    with pytest.raises(ValueError, match=r"cannot be mapped by torch.func.vmap; take strategy 'loop'"):
        MAML(encoder, way=3, strategy="vmap")
