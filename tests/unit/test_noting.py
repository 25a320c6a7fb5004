"""What learners note is what they compute, and whether somebody watches changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes
from kshot.functional import is_watched, note, note_step, watched
from kshot.functional.noting import Values, Watcher
from kshot.functional.strategy import Strategy, over_tasks
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.matching import Matching
from kshot.learners.meta_lstm import MetaLSTM
from kshot.testing import toy_encoder, toy_subject
from torch import Tensor, nn

SUBJECT = toy_subject()


class Watching(Watcher):
    """Asks for everything and keeps it."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, Mapping[str, Tensor]]] = []
        self.notes: dict[str, Mapping[str, Tensor]] = {}
        self.kept: list[Values] = []

    def batch_started(self, batch: Episodes, episodes: int, total: int) -> None:
        raise AssertionError("nobody passes batches here")

    def batch_finished(self, loss: Tensor) -> None:
        raise AssertionError("nobody passes batches here")

    def inner_step(self, step: int, values: Values) -> None:
        self.kept.append(values)
        self.steps.append((step, values()))

    def noted(self, name: str, values: Values) -> None:
        self.kept.append(values)
        self.notes[name] = values()


class Deaf(Watching):
    """Asks for nothing."""

    def inner_step(self, step: int, values: Values) -> None:
        self.kept.append(values)

    def noted(self, name: str, values: Values) -> None:
        self.kept.append(values)


def forbidden() -> dict[str, Tensor]:
    raise AssertionError("nobody asked for this")


def built(kind: type[Learner], **options: Any) -> Learner:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(toy_encoder(dim=8), **options).double()  # type: ignore[call-arg]


def episodes() -> Episodes:
    return SUBJECT.episodes(dtype=torch.float64)


def test_nothing_is_computed_that_nobody_asks_for() -> None:
    assert not is_watched()
    note("any", forbidden)
    note_step(0, forbidden)
    deaf = Deaf()
    with watched(deaf):
        assert is_watched()
        note("any", forbidden)
        note_step(0, forbidden)
    assert len(deaf.kept) == 2
    assert not is_watched()


def test_noted_values_end_with_the_call_that_brings_them() -> None:
    watching = Watching()
    with watched(watching):
        note("any", lambda: {"x": torch.ones(2)})
    with pytest.raises(RuntimeError, match="only while the hook"):
        watching.kept[0]()


def test_a_note_may_draw_and_is_detached_and_not_watched_itself() -> None:
    weight = torch.ones(3, requires_grad=True)

    def compute() -> dict[str, Tensor]:
        note("inner", forbidden)
        return {"drawn": weight * torch.rand(3)}

    watching = Watching()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with watched(watching):
        note("outer", compute)
    assert torch.equal(torch.rand(2), expected)
    assert not watching.notes["outer"]["drawn"].requires_grad
    assert set(watching.notes) == {"outer"}


@pytest.mark.parametrize("vmap", [True, False])
def test_what_torch_func_transforms_is_not_noted(vmap: bool) -> None:
    """Its tensors mean nothing outside; so no observer can ask for them, whatever the strategy."""

    def one(shared: Tensor, x: Tensor) -> Tensor:
        note("within", lambda: {"x": x})
        return shared * x

    watching = Watching()
    with watched(watching):
        found = over_tasks(Strategy(vmap), one, torch.tensor(2.0), torch.arange(3.0))
        note("after", lambda: {"x": found})
    assert set(watching.notes) == {"after"}
    assert torch.equal(found, torch.tensor([0.0, 2.0, 4.0]))


LEARNERS: dict[str, tuple[type[Learner], dict[str, Any]]] = {
    "maml": (MAML, {"way": 3, "inner_steps": 3, "inner_rate": 0.1}),
    "first order": (MAML, {"way": 3, "inner_steps": 2, "order": 1}),
    "multi-step": (MAML, {"way": 3, "inner_steps": 2, "multi_step_episodes": 100}),
    "head": (MAML, {"adapt": "head", "head": "prototype", "inner_steps": 2}),
    "meta_lstm": (MetaLSTM, {"way": 3, "inner_steps": 3}),
    "matching": (Matching, {}),
}


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.parametrize("name", LEARNERS)
def test_losses_gradients_and_logits_are_bit_equal_with_and_without_a_watcher(
    name: str, strategy: Literal["loop", "vmap"]
) -> None:
    kind, options = LEARNERS[name]
    if kind is not Matching:
        options = {**options, "strategy": strategy}
    batch = episodes()
    found: list[list[Tensor]] = []
    for watcher in (None, Watching(), Deaf()):
        learner = built(kind, **options)
        nn.init.normal_(next(learner.parameters()), generator=torch.Generator().manual_seed(1))
        with watched(watcher):
            loss = learner.loss(batch)
        loss.backward()
        learner.eval()
        with torch.no_grad(), watched(watcher):
            logits = learner.adapt(batch.support)(batch.query_inputs)
        gradients = [one.grad for one in learner.parameters() if one.grad is not None]
        assert len(gradients) > 3
        found.append([loss.detach(), logits, *gradients, *(b.clone() for b in learner.buffers())])
        assert watcher is None or watcher.kept, "and it was watched"
    plain, *others = found
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(plain, other, strict=True))


def test_maml_notes_the_losses_of_its_own_steps() -> None:
    batch, watching = episodes(), Watching()
    learner = built(MAML, way=3, inner_steps=2, test_steps=4, inner_rate=0.1).eval()
    labels = torch.cat([block.labels for block in batch.support], dim=1)
    with torch.no_grad(), watched(watching):
        logits = learner.adapt(batch.support)(batch.query_inputs)
    assert [step for step, _ in watching.steps] == [0, 1, 2, 3]
    adapted = watching.notes["adapted"]
    assert adapted["logits"].shape == (5, *logits.shape)
    assert torch.equal(adapted["logits"][-1], logits)
    losses = [*(values["loss/support"] for _, values in watching.steps), adapted["loss/support"]]
    for steps in range(5):
        other = built(MAML, way=3, test_steps=max(steps, 1), inner_rate=0.1 if steps else 1e-300).eval()
        with torch.no_grad():
            classify = other.adapt(batch.support)
            own = classify(tuple(block.inputs for block in batch.support))
            queries = classify(batch.query_inputs)
        wanted = F.cross_entropy(own.mT, labels, reduction="none").mean(1)
        torch.testing.assert_close(losses[steps], wanted)
        torch.testing.assert_close(adapted["logits"][steps], queries)


def test_meta_lstm_notes_the_gates_that_moved_its_weights() -> None:
    """θ_1 = f θ_0 - i ∇L(θ_0), with the gates as noted and a gradient of autograd's own."""
    batch, watching = episodes(), Watching()
    learner = built(MetaLSTM, way=3, adapt="head", inner_steps=1).eval()
    embedded = learner.encoder(
        dict(batch.support[0].inputs) | {"values": batch.support[0].inputs["values"][0]}
    )
    with torch.no_grad(), watched(watching):
        logits = learner.adapt(batch.support)(batch.query_inputs)
        queries = learner.encoder({"values": batch.query[0].inputs["values"][0]})
    [(_, values)] = watching.steps
    assert set(values) == {"loss/support"} | {
        f"{gate}/head.{part}" for gate in ("forget_gate", "input_gate") for part in ("weight", "bias")
    }
    start = learner.head.start(3, None, batch.support[0].labels)
    weight, bias = (
        {**start.shared, **start.own}[name].detach().reshape(shape).requires_grad_()
        for name, shape in (("head.weight", (3, 8)), ("head.bias", (3,)))
    )
    loss = F.cross_entropy(F.linear(embedded.detach(), weight, bias), batch.support[0].labels[0])
    torch.testing.assert_close(values["loss/support"][0], loss.detach())
    moved = [
        values[f"forget_gate/head.{part}"][0] * theta - values[f"input_gate/head.{part}"][0] * gradient
        for part, theta, gradient in zip(
            ("weight", "bias"), (weight, bias), torch.autograd.grad(loss, (weight, bias)), strict=True
        )
    ]
    torch.testing.assert_close(F.linear(queries, *moved).detach(), logits[0])


def test_matching_notes_the_attention_that_its_probabilities_add_up() -> None:
    batch, watching = episodes(), Watching()
    learner = built(Matching).eval()
    with torch.no_grad(), watched(watching):
        logits = learner.adapt(batch.support)(batch.query_inputs)
    weights, labels = (watching.notes["attention"][key] for key in ("weights", "labels"))
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    assert torch.equal(labels, torch.cat([block.labels for block in batch.support], dim=1))
    torch.testing.assert_close(weights @ F.one_hot(labels, batch.way).to(weights), logits.exp())
