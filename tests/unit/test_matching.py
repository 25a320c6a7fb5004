"""Matching networks: attention by hand, full context embeddings by a plain loop."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from kshot.config import Loading, Train
from kshot.encoders import Embedded
from kshot.episode import Episodes, Examples
from kshot.evaluation import evaluate
from kshot.learners.context import NARROW, WIDEST, FullContext, reading_order
from kshot.learners.matching import Matching, class_log_probabilities
from kshot.loading import make_loader
from kshot.metrics import accuracy
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import train
from torch import Tensor, nn

WIDTH = 6
LABELS = ([0, 1, 1, 2, 1, 2, 1], [2, 0, 1, 1])
"""Of support and query: one, four and two shots."""


def episodes(count: int = 2, scale: float = 1.0) -> Episodes:
    generator = torch.Generator().manual_seed(0)

    def block(own: list[int]) -> Examples:
        values = scale * torch.randn(count, len(own), WIDTH, generator=generator, dtype=torch.float64)
        turned = torch.stack([(torch.tensor(own) + t) % 3 for t in range(count)])
        return Examples({"embedding": values}, turned, 3)

    return Episodes((block(LABELS[0]),), (block(LABELS[1]),), (("a", "b", "c"),) * count)


def matching(**options: object) -> Matching:
    torch.manual_seed(0)
    return Matching(Embedded("toy", WIDTH), **options).double()


def logits_of(learner: Matching, batch: Episodes) -> Tensor:
    return learner.adapt(batch.support)(batch.query_inputs)


def probabilities_by_hand(learner: Matching, support: Tensor, labels: Tensor, query: Tensor) -> Tensor:
    """(way,) of one query: exponentials added up class by class."""
    scale = learner.log_scale.exp()
    if learner.distance == "cosine":
        similar = [scale * (query @ x) / (query.norm() * x.norm()) for x in support]
    else:
        similar = [-scale * ((query - x) ** 2).sum() for x in support]
    weights = torch.stack(similar).exp()
    total = sum(weights)
    return torch.stack([sum(weights[labels == k]) / total for k in range(3)])


DISTANCES = [{"distance": "cosine"}, {"distance": "squared_euclidean"}, {"distance": "cosine", "scale": 3.0}]


@pytest.mark.parametrize("options", DISTANCES, ids=["cosine", "squared_euclidean", "cosine_of_scale_3"])
def test_a_class_has_the_sum_of_its_examples_attention(options: dict[str, object]) -> None:
    batch, learner = episodes(), matching(fce=False, **options)
    logits = logits_of(learner, batch)
    labels, losses = batch.support[0].labels, []
    for t, q in itertools.product(range(2), range(4)):
        query = batch.query[0].inputs["embedding"][t, q]
        expected = probabilities_by_hand(learner, batch.support[0].inputs["embedding"][t], labels[t], query)
        torch.testing.assert_close(logits[t, q].exp(), expected, rtol=1e-9, atol=1e-12)
        losses.append(-expected[batch.query_labels[t, q]].log())
    torch.testing.assert_close(learner.loss(batch), torch.stack(losses).mean(), rtol=1e-9, atol=1e-12)


def test_default_scales() -> None:
    assert matching().log_scale.exp().item() == pytest.approx(10)
    assert matching(distance="squared_euclidean").log_scale.exp().item() == pytest.approx(1)


def test_attention_is_summed_and_not_averaged() -> None:
    """Four examples alike, three of class 0: it gets three quarters."""
    logits = class_log_probabilities(torch.zeros(1, 1, 4), torch.tensor([[0, 1, 0, 0]]), 2)
    assert logits.exp().flatten().tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("fce", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1e-4, 100.0])
def test_probabilities_of_all_classes_add_up(fce: bool, scale: float) -> None:
    totals = logits_of(matching(fce=fce, scale=scale), episodes()).exp().sum(-1)
    torch.testing.assert_close(totals, torch.ones_like(totals))


@pytest.mark.parametrize(
    "options, size",
    [({"scale": 100.0}, 1.0), ({"distance": "squared_euclidean"}, 40.0)],
    ids=["cosine_of_scale_100", "distances_of_ten_thousand"],
)
def test_logits_and_gradients_stay_finite_where_a_softmax_would_be_zero(
    options: dict[str, object], size: float
) -> None:
    learner = matching(fce=False, **options).float()
    batch = episodes(scale=size)
    support, query = (
        block.inputs["embedding"].float().requires_grad_() for block in (batch.support[0], batch.query[0])
    )
    block = Examples({"embedding": support}, batch.support[0].labels, 3)
    logits = learner.adapt((block,))(({"embedding": query},))
    assert logits.exp().min() == 0
    assert torch.isfinite(logits).all()
    F.cross_entropy(logits.flatten(0, 1), batch.query_labels.flatten()).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in (support, query, learner.log_scale))


def test_far_classes_keep_their_exact_logits() -> None:
    similarities = torch.tensor([[[0.0, -1e4, -1e4 - 1, -3e4]]], dtype=torch.float64)
    logits = class_log_probabilities(similarities, torch.tensor([[0, 1, 1, 2]]), 3)
    assert logits.flatten().tolist() == pytest.approx([0.0, -1e4 + math.log1p(math.exp(-1)), -3e4])


def test_gradients_of_log_probabilities() -> None:
    similarities = torch.randn(
        1, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()
    labels = torch.tensor([[0, 1, 1, 2]])
    assert torch.autograd.gradcheck(lambda s: class_log_probabilities(s, labels, 3), similarities)


# Full context embeddings


def gates_by_hand(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """(4·H,) in torch's order, input, forget, candidate, output → hidden and cell."""
    i, f, g, o = gates.chunk(4)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(cell), cell


def read_by_hand(lstm: nn.LSTM, xs: list[Tensor], suffix: str) -> list[Tensor]:
    """Hidden states of one direction of an LSTM."""
    w, u, b, c = (
        getattr(lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    hidden = cell = torch.zeros(lstm.hidden_size, dtype=torch.float64)
    states = []
    for x in xs:
        hidden, cell = gates_by_hand(w @ x + b + u @ hidden + c, cell)
        states.append(hidden)
    return states


def g_by_hand(context: FullContext, support: Tensor) -> Tensor:
    order = reading_order(len(support), support.device).tolist()
    xs = [support[i] for i in order]
    forward = read_by_hand(context.support_lstm, xs, "")
    backward = read_by_hand(context.support_lstm, xs[::-1], "_reverse")[::-1]
    seen = torch.empty_like(support)
    for place, i in enumerate(order):
        seen[i] = support[i] + context.support_map(forward[place] + backward[place])
    return seen


def f_by_hand(context: FullContext, query: Tensor, seen: Tensor) -> Tensor:
    """The paper's form, where the cell is conditioned on [h, r] and not on ĥ.

    Its weights of x are the module's less those of h, since h = ĥ + x has x in it once more.
    """
    cell_module, dim = context.query_cell, len(query)
    w_x = cell_module.weight_ih[:, :dim] - cell_module.weight_hh
    w_r, w_h = cell_module.weight_ih[:, dim:], cell_module.weight_hh
    bias = cell_module.bias_ih + cell_module.bias_hh
    h, r, cell = query, sum(seen) / len(seen), torch.zeros_like(query)
    for _ in range(context.steps):
        h_hat, cell = gates_by_hand(
            w_x @ query + torch.cat([w_h, w_r], dim=1) @ torch.cat([h, r]) + bias, cell
        )
        h = h_hat + query
        scores = torch.stack([h @ g for g in seen]).exp()
        r = sum(score / scores.sum() * g for score, g in zip(scores, seen, strict=True))
    return h


@pytest.mark.parametrize("steps", [1, 3])
def test_full_context_embeddings_equal_the_papers_recurrences(steps: int) -> None:
    batch, learner = episodes(), matching(steps=steps)
    context = learner.context
    logits = logits_of(learner, batch)
    for t in range(2):
        seen = g_by_hand(context, batch.support[0].inputs["embedding"][t])
        labels = batch.support[0].labels[t]
        for q in range(4):
            query = f_by_hand(context, batch.query[0].inputs["embedding"][t, q], seen)
            expected = probabilities_by_hand(learner, seen, labels, query)
            torch.testing.assert_close(logits[t, q].exp(), expected, rtol=1e-8, atol=1e-12)
    without = matching(fce=False)
    assert (logits_of(without, batch) - logits).abs().max() > 0.1


def test_a_narrow_context_is_mapped_to_the_embeddings_width() -> None:
    context = FullContext(WIDTH, steps=2, width=4).double()
    with torch.no_grad():
        for linear in (context.support_map, context.query_map):
            assert 0 < linear.weight.abs().max() < 0.01
            linear.weight.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.randn(2, 5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seen = context.of_support(x)
    torch.testing.assert_close(seen[1], g_by_hand(context, x[1]), rtol=1e-9, atol=1e-9)
    query, read = x[0, 0], seen[0].mean(0)
    hidden = cell = torch.zeros(4, dtype=torch.float64)
    for _ in range(2):
        hidden, cell = context.query_cell(torch.cat([query, read]), (hidden, cell))
        embedded = query + context.query_map.weight @ hidden
        read = torch.softmax(seen[0] @ embedded, 0) @ seen[0]
    torch.testing.assert_close(context.of_queries(x, seen)[0, 0], embedded, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dim, width", [(8, 8), (WIDEST, WIDEST), (WIDEST + 1, NARROW)])
def test_default_width_of_the_context(dim: int, width: int) -> None:
    with torch.device("meta"):
        assert FullContext(dim, steps=1).support_lstm.hidden_size == width


def test_a_sorted_support_is_not_read_in_its_order() -> None:
    cpu = torch.device("cpu")
    for way, shot in ((5, 1), (5, 5), (20, 5), (3, 15)):
        order = reading_order(way * shot, cpu)
        assert sorted(order.tolist()) == list(range(way * shot))
        assert torch.equal(order, reading_order(way * shot, cpu))
        if shot > 1:
            classes = order // shot  # of a support that lies class by class
            assert (classes[1:] == classes[:-1]).float().mean() < 0.05


def test_the_context_depends_on_the_supports_order_and_comes_back_in_it() -> None:
    batch, learner = episodes(), matching()
    x = batch.support[0].inputs["embedding"]
    turned = learner.context.of_support(x.flip(1)).flip(1)
    seen = learner.context.of_support(x)
    assert (turned - seen).abs().max() > 1e-3
    assert (turned - seen).abs().max() < (x - x.flip(1)).abs().max()


def test_gradients_reach_every_parameter_in_evaluation_mode_too() -> None:
    for width in (None, 4):
        learner = matching(context_width=width).eval()
        logits_of(learner, episodes()).pow(2).sum().backward()
        for name, parameter in learner.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


# As a learner


def test_the_scale_trains_only_when_asked() -> None:
    fixed, learnt = (matching(fce=False, learn_scale=learn) for learn in (False, True))
    assert not fixed.loss(episodes()).requires_grad
    learnt.loss(episodes()).backward()
    assert learnt.log_scale.grad != 0


@pytest.mark.parametrize("fce", [False, True])
def test_permuting_labels_permutes_logits(fce: bool) -> None:
    batch, learner = episodes(), matching(fce=fce)
    order = torch.tensor([2, 0, 1])
    block = batch.support[0]
    permuted = (Examples(block.inputs, order[block.labels], block.way),)
    torch.testing.assert_close(
        learner.adapt(permuted)(batch.query_inputs)[..., order], logits_of(learner, batch)
    )


@pytest.mark.parametrize("fce", [False, True])
def test_a_query_and_an_episode_stand_alone(fce: bool) -> None:
    batch, learner = episodes(), matching(fce=fce)
    together = logits_of(learner, batch)
    apart = torch.cat([logits_of(learner, batch.slice(t, t + 1)) for t in range(2)])
    torch.testing.assert_close(apart, together)
    classify, query = learner.adapt(batch.support), batch.query[0].inputs["embedding"]
    alone = torch.cat([classify(({"embedding": query[:, i : i + 1]},)) for i in range(4)], dim=1)
    torch.testing.assert_close(alone, together)


@pytest.mark.parametrize("fce", [False, True])
def test_adapting_changes_nothing(fce: bool) -> None:
    learner = Matching(toy_encoder(), fce=fce).eval()
    before, attributes = copy.deepcopy(learner.state_dict()), dict(vars(learner))
    support = Examples.of({"values": torch.randn(7, 16)}, torch.tensor(LABELS[0]))
    query = ({"values": torch.randn(1, 4, 16)},)
    state = torch.random.get_rng_state()
    learner.adapt((support,))(query)
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert vars(learner) == attributes
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_constant_encoder_scores_by_the_number_of_shots_alone() -> None:
    """And where all classes have as many, chance."""
    batch = episodes(scale=0.0)
    shares = logits_of(matching(fce=False), batch).exp()[0, 0]
    assert shares.tolist() == pytest.approx([1 / 7, 4 / 7, 2 / 7])
    balanced = Examples.of({"embedding": torch.ones(6, WIDTH)}, torch.tensor([2, 0, 1, 1, 0, 2]))
    for distance in ("cosine", "squared_euclidean"):
        learner = Matching(Embedded("toy", WIDTH), distance=distance, fce=False)
        logits = learner.adapt((balanced,))(({"embedding": torch.ones(1, 4, WIDTH)},))
        assert accuracy(logits, torch.tensor([[0, 0, 0, 1]])).tolist() == pytest.approx([1 / 3])


def test_half_precision_stays_in_the_encoder() -> None:
    batch = episodes()
    single = Episodes(
        *(
            tuple(Examples({"embedding": b.inputs["embedding"].float()}, b.labels, b.way) for b in blocks)
            for blocks in (batch.support, batch.query)
        ),
        batch.classes,
    )
    learner = matching().float()
    expected = logits_of(learner, single)
    with torch.autocast("cpu", torch.bfloat16):
        logits = logits_of(learner, single)
    assert torch.equal(logits, expected)


@pytest.mark.parametrize("key, value", [("scale", 0.0), ("scale", math.nan), ("steps", 0)])
def test_values_that_make_no_sense(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} must be"):
        Matching(Embedded("toy", 2), **{key: value})


def test_only_the_context_needs_the_width() -> None:
    with pytest.raises(ValueError, match="attribute 'dim'"):
        Matching(nn.Linear(2, 2))
    Matching(nn.Linear(2, 2), fce=False)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="cosine"),
        pytest.param({"fce": False}, id="without_context"),
        pytest.param({"distance": "squared_euclidean"}, id="squared_euclidean"),
        pytest.param({"context_width": 16}, id="narrow_context"),
    ],
)
def test_it_learns(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    source, encoder, cpu = Toy(classes=30), toy_encoder(dim=64), torch.device("cpu")
    learner = Matching(encoder, **options)
    loaders = {
        s: make_loader(source, source.catalogue(s), encoder, cpu, Loading()) for s in ("train", "test")
    }
    drawn = Sampler(source.catalogue("train"), "train", Shape(way=5, shot=1, queries=5), seed=0)
    frozen = Sampler(source.catalogue("test"), "test", Shape(way=5, shot=5, queries=5), seed=1234)
    train(learner, loaders["train"], drawn, Train(episodes=150, meta_batch=4, learning_rate=3e-3))
    [score] = evaluate(learner, loaders["test"], [frozen], episodes=50)
    assert score.accuracy.mean - score.accuracy.ci95 > 0.6
