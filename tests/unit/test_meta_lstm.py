"""Meta-LSTM against a case worked out by hand, a loop written out, and its stated memory."""

from __future__ import annotations

import math
import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes
from kshot.functional.tasks import Weights
from kshot.learners.meta_lstm import GateCell, MetaLSTM, State, preprocessed
from kshot.testing import toy_encoder, toy_subject
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

SUBJECT = toy_subject()


def episodes(**more: Any) -> Episodes:
    return SUBJECT.episodes(dtype=torch.float64, **more)


def learner(**options: Any) -> MetaLSTM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MetaLSTM(toy_encoder(dim=8), way=3, **options).double()


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_preprocessing_is_the_papers() -> None:
    tiny, small, edge = 1e-9, -0.02, math.exp(-10)
    found = preprocessed(torch.tensor([1.0, small, edge, tiny, 0.0], dtype=torch.float64))
    wanted = [(0.0, 1.0), (math.log(0.02) / 10, -1.0), (-1.0, 1.0), (-1.0, math.exp(10) * tiny), (-1.0, 0.0)]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64))


def test_two_updates_of_three_parameters_worked_out_by_hand() -> None:
    """Hidden size 1, every weight its own number; all arithmetic in plain floats."""
    cell = GateCell(1).double()
    wx = [[0.3, -0.2, 0.1, 0.5], [0.2, 0.4, -0.3, 0.1], [-0.5, 0.3, 0.2, 0.7], [0.1, -0.6, 0.4, 0.2]]
    wh, bx, bh = [0.2, -0.1, 0.3, 0.4], [0.1, 0.2, -0.1, 0.05], [0.0, 0.1, 0.2, -0.2]
    wf, bf, wi, bi = [0.7, -0.4, 0.3], 4.5, [-0.6, 0.8, 0.2], -4.2
    with torch.no_grad():
        cell.lstm.weight_ih.copy_(torch.tensor(wx))
        cell.lstm.weight_hh.copy_(torch.tensor(wh).unsqueeze(1))
        cell.lstm.bias_ih.copy_(torch.tensor(bx))
        cell.lstm.bias_hh.copy_(torch.tensor(bh))
        for gate, weight, bias in ((cell.forget_gate, wf, bf), (cell.input_gate, wi, bi)):
            gate.weight.copy_(torch.tensor([weight]))
            gate.bias.fill_(bias)
        wx, wh, bx, bh = (p.tolist() for p in cell.lstm.parameters())  # as float32 rounded them
        wh = [row[0] for row in wh]
        wf, wi = cell.forget_gate.weight[0].tolist(), cell.input_gate.weight[0].tolist()
        bf, bi = float(cell.forget_gate.bias), float(cell.input_gate.bias)
    start, losses = [0.5, -1.2, 0.03], [0.9, 0.4]
    gradients = [[0.2, -3.0, 1e-6], [-0.05, 0.7, 0.0]]

    def prep(x: float) -> list[float]:
        return (
            [math.log(abs(x)) / 10, math.copysign(1, x)]
            if abs(x) >= math.exp(-10)
            else [-1, math.exp(10) * x]
        )

    wanted = []
    for theta, steps in zip(start, zip(*gradients, strict=True), strict=True):
        h = c = f = i = 0.0
        for gradient, loss in zip(steps, losses, strict=True):
            x = prep(gradient) + prep(loss)
            gates = [
                sum(a * b for a, b in zip(wx[k], x, strict=True)) + wh[k] * h + bx[k] + bh[k]
                for k in range(4)
            ]
            c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * math.tanh(gates[2])
            h = sigmoid(gates[3]) * math.tanh(c)
            f = wf[0] * h + wf[1] * theta + wf[2] * f + bf
            i = wi[0] * h + wi[1] * theta + wi[2] * i + bi
            theta = sigmoid(f) * theta - sigmoid(i) * gradient
        wanted.append(theta)

    theta = torch.tensor([start], dtype=torch.float64)
    state = cell.start(theta)
    for gradient, loss in zip(gradients, losses, strict=True):
        step = torch.tensor([gradient], dtype=torch.float64)
        theta, state = cell(theta, step, torch.tensor([loss], dtype=torch.float64), state)
    torch.testing.assert_close(theta[0], torch.tensor(wanted, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_autocast_changes_no_update() -> None:
    torch.manual_seed(0)
    cell, theta, gradient, losses = GateCell(4), torch.randn(2, 9), torch.randn(2, 9), torch.rand(2)

    def updated() -> tuple[Tensor, State]:
        return cell(theta, gradient, losses, cell(theta, gradient, losses, cell.start(theta))[1])

    plain = updated()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = updated()
    assert torch.equal(plain[0], cast[0])
    assert torch.equal(plain[1].c, cast[1].c)


def test_the_gates_start_as_the_paper_says() -> None:
    cell = GateCell(20)
    assert 4 <= float(cell.forget_gate.bias.detach()) <= 5
    assert -5 <= float(cell.input_gate.bias.detach()) <= -4
    others = [p for name, p in cell.named_parameters() if name not in ("forget_gate.bias", "input_gate.bias")]
    assert max(float(p.detach().abs().max()) for p in others) <= 0.01
    assert sum(p.numel() for p in others) == 4 * 20 * (4 + 20 + 2) + 2 * 22


def written_out(subject: MetaLSTM, batch: Episodes, steps: int) -> Tensor:
    """The meta-loss, task after task and tensor after tensor, with autograd's gradients."""
    cell = subject.cell
    losses = []
    for t in range(len(batch)):
        one = batch.slice(t, t + 1)
        weights = {n: p for n, p in subject.named_parameters() if n.startswith(("encoder.last", "head"))}
        memory = {
            n: [torch.zeros(p.numel(), 20).double()] * 2 + [torch.zeros(p.numel()).double()] * 2
            for n, p in weights.items()
        }

        def network(w: dict[str, Tensor], block: Any) -> Tensor:
            x = subject.encoder.first(block.inputs["values"][0])
            x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
            x = torch.relu(x * subject.encoder.norm.weight + subject.encoder.norm.bias)
            x = x @ w["encoder.last.weight"].T + w["encoder.last.bias"]
            return x @ w["head.linear.weight"].T + w["head.linear.bias"]

        for _ in range(steps):
            loss = F.cross_entropy(network(weights, one.support[0]), one.support[0].labels[0])
            gradients = torch.autograd.grad(loss, list(weights.values()), retain_graph=True)
            moved = {}
            for (name, theta), gradient in zip(weights.items(), gradients, strict=True):
                h, c, f, i = memory[name]
                flat = theta.flatten()
                x = torch.cat(
                    [preprocessed(gradient.flatten()), preprocessed(loss.detach()).expand(len(flat), 2)], 1
                )
                h, c = cell.lstm(x, (h, c))
                f = cell.forget_gate(torch.stack([*h.unbind(1), flat, f], 1))[:, 0]
                i = cell.input_gate(torch.stack([*h.unbind(1), flat, i], 1))[:, 0]
                memory[name] = [h, c, f, i]
                moved[name] = (f.sigmoid() * flat - i.sigmoid() * gradient.flatten()).view_as(theta)
            weights = moved
        losses.append(F.cross_entropy(network(weights, one.query[0]), one.query[0].labels[0]))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_loss_and_gradient_are_those_of_the_algorithm_written_out(strategy: str) -> None:
    batch = episodes()
    subject = learner(adapt="last", inner_steps=4, strategy=strategy)
    subject.batch_statistics = "query"
    found, wanted = subject.loss(batch), written_out(subject, batch, 4)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    parameters = list(subject.parameters())
    ours, theirs = torch.autograd.grad(found, parameters), torch.autograd.grad(wanted, parameters)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-13)


def test_the_learnt_start_and_the_cell_are_trained() -> None:
    subject = learner(adapt="all", inner_steps=3)
    subject.loss(episodes()).backward()
    for name, parameter in subject.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert subject.cell.lstm.weight_ih.grad.abs().sum() > 0
    assert subject.encoder.first.weight.grad.abs().sum() > 0


class Live(TorchDispatchMode):
    """Counts the bytes of the storages that were made inside and are still there."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, tuple | list) else (result,):
            if isinstance(one, Tensor):
                self._count(one.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        pointer, size = storage.data_ptr(), storage.nbytes()
        if pointer in self._known or size == 0:
            return
        self._known.add(pointer)
        self.bytes += size

        def gone() -> None:
            self._known.discard(pointer)
            self.bytes -= size

        weakref.finalize(storage, gone)


class Slope:
    """Tasks with a gradient of no graph at all, so that only the meta-learner's memory is seen."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return 2

    def gradients(self, weights: Weights, create_graph: bool) -> tuple[Tensor, dict[str, Tensor]]:
        assert not create_graph
        return torch.ones(2), {"w": torch.full((2, self.size), 0.1)}


def test_memory_is_linear_in_parameters_and_steps_with_the_stated_constant() -> None:
    subject = MetaLSTM(toy_encoder(), way=3)

    def held(size: int, steps: int) -> int:
        subject._steps = steps
        with Live() as live:
            path = subject.descend(Slope(size), Weights({"w": torch.zeros(size, requires_grad=True)}, {}))
            assert path[-1].own["w"].requires_grad
            return live.bytes

    def per_step(size: int) -> float:
        return (held(size, 9) - held(size, 3)) / 6

    for size in (1000, 4000):
        per_coordinate = per_step(size) / (2 * size)
        # 2 · 20 numbers of state, weight, gradient, two gates; the path keeps the weights, too.
        assert 150 < per_coordinate < 190, f"{per_coordinate:.0f} bytes a coordinate and step"


def test_evaluation_keeps_no_graph() -> None:
    subject = learner(inner_steps=3).eval()
    with torch.no_grad():
        logits = subject.adapt(episodes().support)(episodes().query_inputs)
    assert logits.grad_fn is None
    assert logits.isfinite().all()


def test_other_steps_and_heads() -> None:
    batch = SUBJECT.episodes(way=4)
    for head in ("shared", "prototype"):
        subject = MetaLSTM(toy_encoder(), adapt="head", head=head, inner_steps=2).eval()
        assert subject.adapt(batch.support)(batch.query_inputs).shape == (3, 16, 4)
