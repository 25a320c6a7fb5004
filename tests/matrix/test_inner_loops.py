"""MAML adapting all of an encoder and Meta-LSTM adapting its last block, on every encoder family.

The algorithms are written out here once more, task after task with ``torch.autograd.grad`` and
no transform of ``torch.func``; loss and meta-gradient must agree in float64 under every strategy,
and MAML's with finite differences.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from kshot.episode import Episodes
from kshot.functional import Pass, add_lora, statistics
from kshot.learners.maml import MAML
from kshot.learners.meta_lstm import MetaLSTM, preprocessed
from torch import Tensor, nn
from torch.func import functional_call

from . import families

ADAPTABLE = ["toy", "conv4", "dvector_tdnn", "dvector_lstm", "crnn", "mini_transformer", "hf_text"]
PAIRS = [
    *(
        (family, method)
        for family in ADAPTABLE
        for method in ("maml", "maml-lora", "meta_lstm", "meta_lstm-lora")
    ),
    # Meta-LSTM over 1.8 million weights in float64 takes minutes; mini_transformer stands for it.
    pytest.param("minilm", "maml", marks=pytest.mark.slow),
    pytest.param("minilm", "maml-lora", marks=pytest.mark.slow),
    pytest.param("minilm", "meta_lstm-lora", marks=pytest.mark.slow),
]
WAY, STEPS, RATE = 3, 2, 0.05


def build(family: str, method: str, strategy: str) -> MAML | MetaLSTM:
    """A learner under the policy ``query``: each pass its own statistics, the loop's, too."""
    learner = _built(family, method, strategy)
    learner.batch_statistics = "query"
    return learner


def _built(family: str, method: str, strategy: str) -> MAML | MetaLSTM:
    encoder = families.subject(family).encoder(torch.float64)
    if strategy == "vmap" and not encoder.vmap:
        pytest.skip(f"{family} declares that vmap cannot map it; the loop is its only way")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        name, _, lora = method.partition("-")
        if lora:
            add_lora(encoder, rank=1)
            for parameter in encoder.parameters():
                if parameter.requires_grad:  # away from B = 0, where A has no gradient
                    nn.init.normal_(parameter, std=0.1)
        if name == "maml":
            # MiniLM's 22 million weights in float64, twice differentiated, are too much for a test.
            adapt = lora or ("last" if family == "minilm" else "all")
            return MAML(
                encoder, way=WAY, adapt=adapt, inner_steps=STEPS, inner_rate=RATE, strategy=strategy
            ).double()
        return MetaLSTM(encoder, way=WAY, adapt=lora or "last", inner_steps=STEPS, strategy=strategy).double()


def written_out(learner: MAML | MetaLSTM, batch: Episodes) -> Tensor:
    """The meta-loss, one task after the other."""
    encoder = learner.encoder
    plain = [
        name.removeprefix("encoder.") for name in learner.adapted_shapes() if name.startswith("encoder.")
    ]
    parameters = dict(encoder.named_parameters())
    losses = []
    for t in range(len(batch)):
        one = batch.slice(t, t + 1)

        def network(weights: dict[str, Tensor], block: Any) -> Tensor:
            own = {name: weights[name] for name in plain}
            inputs = {name: leaf[0] for name, leaf in block.inputs.items()}
            with statistics(Pass(1, own=True, tracks=False)):
                embedded = functional_call(encoder, own, (inputs,))
            return F.linear(embedded, weights["W"], weights["b"])

        head = learner.head.linear
        weights = {**{name: parameters[name] for name in plain}, "W": head.weight, "b": head.bias}
        update = _descent if isinstance(learner, MAML) else _Gates(learner)
        for _ in range(STEPS):
            loss = F.cross_entropy(network(weights, one.support[0]), one.support[0].labels[0])
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = update(weights, dict(zip(weights, gradients, strict=True)), loss)
        losses.append(F.cross_entropy(network(weights, one.query[0]), one.query[0].labels[0]))
    return torch.stack(losses).mean()


def _descent(weights: dict[str, Tensor], gradients: dict[str, Tensor], loss: Tensor) -> dict[str, Tensor]:
    return {name: value - RATE * gradients[name] for name, value in weights.items()}


class _Gates:
    """Meta-LSTM's update, tensor after tensor, with states of its own."""

    def __init__(self, learner: MetaLSTM) -> None:
        self.cell = learner.cell
        self.memory: dict[str, tuple[Tensor, ...]] = {}

    def __call__(
        self, weights: dict[str, Tensor], gradients: dict[str, Tensor], loss: Tensor
    ) -> dict[str, Tensor]:
        moved = {}
        for name, value in weights.items():
            flat, gradient = value.flatten(), gradients[name].detach().flatten()
            zeros = flat.new_zeros(len(flat), self.cell.hidden)
            h, c, f, i = self.memory.get(name, (zeros, zeros, zeros[:, :1], zeros[:, :1]))
            read = torch.cat([preprocessed(gradient), preprocessed(loss.detach()).expand(len(flat), 2)], 1)
            h, c = self.cell.lstm(read, (h, c))
            f = self.cell.forget_gate(torch.cat([h, flat.unsqueeze(1), f], 1))
            i = self.cell.input_gate(torch.cat([h, flat.unsqueeze(1), i], 1))
            self.memory[name] = (h, c, f, i)
            moved[name] = (f.sigmoid()[:, 0] * flat - i.sigmoid()[:, 0] * gradient).view_as(value)
        return moved


def gradients_of(loss: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return torch.cat(
        [torch.zeros(p.numel()) if g is None else g.flatten() for p, g in zip(parameters, found, strict=True)]
    )


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_the_meta_gradient_is_that_of_a_plain_loop(family: str, method: str, strategy: str) -> None:
    learner = build(family, method, strategy)
    batch = families.subject(family).episodes(2, WAY, 2, 2, dtype=torch.float64)
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    found, wanted = learner.loss(batch), written_out(learner, batch)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
    ours, theirs = gradients_of(found, parameters), gradients_of(wanted, parameters)
    assert theirs.norm() > 0
    assert (ours - theirs).abs().max() <= 1e-9 * theirs.abs().max()


@pytest.mark.parametrize("family", ADAPTABLE)
def test_the_meta_gradient_is_the_slope_of_the_meta_loss(family: str) -> None:
    learner = build(family, "maml", "auto")
    batch = families.subject(family).episodes(2, WAY, 2, 2, dtype=torch.float64)
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    gradient = gradients_of(learner.loss(batch), parameters)
    direction = gradient / gradient.norm()
    saved, step = copy.deepcopy(learner.state_dict()), 1e-6
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            parts = direction.split([p.numel() for p in parameters])
            for parameter, part in zip(parameters, parts, strict=True):
                parameter += sign * step * part.view_as(parameter)
        values.append(float(learner.loss(batch).detach()))
        learner.load_state_dict(saved)
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(float(gradient.norm()), rel=1e-4)
