"""Siamese networks against the papers' formulas, and the pairs that they train on."""

from __future__ import annotations

import copy
import itertools
import math
from collections import Counter

import pytest
import torch
from kshot.config import Loading, Train
from kshot.encoders import Embedded
from kshot.episode import TENSOR, Episodes, Examples
from kshot.evaluation import evaluate
from kshot.functional.shares import sharing
from kshot.functional.splitmix import random_words
from kshot.learners.pairs import all_pairs, balanced_mean, draw_pairs, pair_count
from kshot.learners.siamese import Siamese
from kshot.loading import make_loader
from kshot.metrics import accuracy
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import train
from safetensors.torch import load, save
from torch import Tensor, nn

WIDTH = 6
UNBALANCED = ([0, 1, 1, 2, 1, 2], [2, 0, 1, 1])
"""Labels of support and query."""


def episodes(
    labels: tuple[list[int], list[int]] = UNBALANCED, count: int = 2, scale: float = 1.0
) -> Episodes:
    generator = torch.Generator().manual_seed(0)

    def block(own: list[int]) -> Examples:
        values = scale * torch.randn(count, len(own), WIDTH, generator=generator, dtype=torch.float64)
        turned = torch.stack([(torch.tensor(own) + t) % 3 for t in range(count)])
        return Examples({"embedding": values}, turned, 3)

    return Episodes((block(labels[0]),), (block(labels[1]),), (("a", "b", "c"),) * count)


def siamese(encoder: nn.Module | None = None, **options: object) -> Siamese:
    """In float64, its weights of either sign."""
    learner = Siamese(encoder or Embedded("toy", WIDTH), **options).double()
    if options.get("loss") != "contrastive":
        with torch.no_grad():
            learner.metric.weight.copy_(torch.linspace(-1.5, 0.7, WIDTH))
            learner.metric.bias.fill_(0.3)
    return learner


def distance_by_hand(learner: Siamese, a: Tensor, b: Tensor) -> Tensor:
    if hasattr(learner.metric, "margin"):
        return sum((x - y) ** 2 for x, y in zip(a, b, strict=True)).sqrt()
    terms = [w * abs(x - y) for w, x, y in zip(learner.metric.weight, a, b, strict=True)]
    return -(sum(terms) + learner.metric.bias)


def loss_by_hand(learner: Siamese, d: Tensor, y: int, exponent: int) -> Tensor:
    if hasattr(learner.metric, "margin"):
        gap = (learner.metric.margin - d).clamp(min=0)
        return y * d**exponent + (1 - y) * gap**exponent
    p = torch.sigmoid(-d)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def pairs_by_hand(support: int, query: int) -> list[tuple[int, int]]:
    both = list(itertools.combinations(range(support), 2))
    return both + [(i, support + j) for i in range(support) for j in range(query)]


OBJECTIVES = [
    pytest.param({}, id="cross_entropy"),
    pytest.param({"loss": "contrastive", "exponent": 1, "margin": 3.0}, id="contrastive"),
    pytest.param({"loss": "contrastive", "exponent": 2, "margin": 3.0}, id="contrastive_squared"),
]


@pytest.mark.parametrize("options", OBJECTIVES)
def test_the_loss_is_the_papers_over_all_pairs_half_of_it_from_either_kind(
    options: dict[str, object],
) -> None:
    batch, learner = episodes(), siamese(**options)
    by_episode = []
    for t in range(2):
        x = torch.cat([batch.support[0].inputs["embedding"][t], batch.query[0].inputs["embedding"][t]])
        labels = torch.cat([batch.support[0].labels[t], batch.query[0].labels[t]])
        kinds: tuple[list[Tensor], list[Tensor]] = ([], [])
        for i, j in pairs_by_hand(6, 4):
            y = int(labels[i] == labels[j])
            d = distance_by_hand(learner, x[i], x[j])
            kinds[y].append(loss_by_hand(learner, d, y, options.get("exponent", 2)))
        assert min(map(len, kinds)) > 3
        by_episode.append(0.5 * sum(kinds[0]) / len(kinds[0]) + 0.5 * sum(kinds[1]) / len(kinds[1]))
    torch.testing.assert_close(learner.loss(batch), sum(by_episode) / 2, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("aggregate", ["mean", "max", "embedding"])
@pytest.mark.parametrize("options", OBJECTIVES)
def test_logits_of_unbalanced_shots(options: dict[str, object], aggregate: str) -> None:
    batch, learner = episodes(), siamese(**options, aggregate=aggregate)
    logits = learner.adapt(batch.support)(batch.query_inputs)
    for t, q, k in itertools.product(range(2), range(4), range(3)):
        query = batch.query[0].inputs["embedding"][t, q]
        members = batch.support[0].inputs["embedding"][t][batch.support[0].labels[t] == k]
        scores = torch.stack([-distance_by_hand(learner, query, one) for one in members])
        expected = {
            "mean": scores.mean(),
            "max": scores.max(),
            "embedding": -distance_by_hand(learner, query, members.mean(0)),
        }[aggregate]
        torch.testing.assert_close(logits[t, q, k], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", OBJECTIVES)
def test_the_two_ways_of_computing_a_distance_agree(options: dict[str, object]) -> None:
    learner = siamese(**options)
    a, b = torch.randn(2, 2, 5, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    crossed = learner.metric.between(a, b).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(learner.metric.of_pairs(a, b), crossed, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pairs", [None, 8])
@pytest.mark.parametrize("options", OBJECTIVES)
def test_gradients_are_finite_where_embeddings_coincide(
    options: dict[str, object], pairs: int | None
) -> None:
    batch, learner = episodes(scale=0.0), siamese(**options, pairs=pairs)
    leaves = [block.inputs["embedding"].requires_grad_() for block in (batch.support[0], batch.query[0])]
    loss = learner.loss(batch)
    logits = learner.adapt(batch.support)(batch.query_inputs)
    assert torch.isfinite(loss)
    for value in (loss, logits.sum()):
        gradients = torch.autograd.grad(value, leaves)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_contrastive_loss_where_embeddings_coincide() -> None:
    """Pairs of one class cost nothing, all others the whole margin."""
    learner = siamese(loss="contrastive", exponent=2, margin=3.0)
    assert float(learner.loss(episodes(scale=0.0))) == pytest.approx(9 / 2, abs=1e-6)


# Pairs


def test_all_pairs_are_each_once_and_never_an_example_with_itself() -> None:
    labels = torch.tensor([UNBALANCED[0] + UNBALANCED[1]])
    same, counts = all_pairs(labels, 6)
    grid = counts.unflatten(1, (6, 10))[0].nonzero().tolist()
    assert sorted(map(tuple, grid)) == sorted(pairs_by_hand(6, 4))
    assert len(grid) == pair_count(6, 4)
    assert all(bool(same[0, 10 * i + j]) == (labels[0, i] == labels[0, j]).item() for i, j in grid)


def test_drawn_pairs_are_balanced_and_uniform() -> None:
    """Each pair of a kind comes up as often as any other; none is of an example with itself."""
    labels = torch.tensor([UNBALANCED[0] + UNBALANCED[1], [1, 1, 0, 2, 0, 2, 2, 2, 1, 2]])
    each = 20_000
    first, second, same, counts = draw_pairs(labels, 6, random_words(0, torch.arange(2), 2 * each))
    assert counts.all()
    assert same.sum(1).tolist() == [each, each]
    assert torch.equal(labels.gather(1, first) == labels.gather(1, second), same)
    for t in range(2):
        drawn = zip(first[t].tolist(), second[t].tolist(), strict=True)
        frequency = Counter(tuple(sorted(pair)) for pair in drawn)
        assert set(frequency) == set(pairs_by_hand(6, 4))
        kinds: dict[bool, list[int]] = {True: [], False: []}
        for (i, j), number in frequency.items():
            kinds[bool(labels[t, i] == labels[t, j])].append(number)
        for numbers in kinds.values():
            expected = each / len(numbers)
            assert max(abs(number - expected) for number in numbers) < 5 * math.sqrt(expected)


def test_episodes_without_a_kind_of_pair() -> None:
    labels = torch.tensor([[0, 1, 2, 0], [0, 1, 2, 3], [0, 0, 0, 0]])  # the last query's class has no support
    _, _, same, counts = draw_pairs(labels, 3, random_words(0, torch.arange(3), 10))
    assert (counts & same).any(1).tolist() == [True, False, True]
    assert (counts & ~same).any(1).tolist() == [True, True, False]
    losses = torch.where(same, 2.0, 6.0).requires_grad_()
    mean = balanced_mean(losses, same, counts)
    assert mean.item() == pytest.approx((4 + 6 + 2) / 3)
    [gradient] = torch.autograd.grad(mean, losses)
    assert torch.isfinite(gradient).all()
    assert (gradient[1] * same[1]).abs().sum() == 0


def test_a_bound_on_pairs_draws_what_all_of_them_mean() -> None:
    batch = episodes()
    everything, drawn, at_bound = (siamese(pairs=n).loss(batch) for n in (None, 38, 39))
    assert pair_count(6, 4) == 39
    assert torch.equal(at_bound, everything)
    assert not torch.equal(drawn, everything)
    learner = siamese(pairs=38)
    mean = torch.stack([learner.loss(batch) for _ in range(300)]).mean()
    torch.testing.assert_close(mean, everything, rtol=0.02, atol=0)


def test_every_call_draws_anew_and_a_stored_state_goes_on_with_the_same_draws() -> None:
    batch, learner = episodes(), siamese(pairs=8)

    def losses(of: Siamese, count: int) -> list[float]:
        return [of.loss(batch).item() for _ in range(count)]

    before = torch.random.get_rng_state()
    first = losses(learner, 2)
    state = load(save(learner.state_dict()))
    then = losses(learner, 3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len({*first, *then}) == 5
    resumed = siamese(pairs=8)
    resumed.load_state_dict(state)
    assert losses(resumed, 3) == then
    assert losses(siamese(pairs=8), 2) == first
    assert losses(siamese(pairs=8, seed=1), 2) != first


@pytest.mark.parametrize(
    "shares", [[range(2), range(2, 5)], [range(0, 5, 2), range(1, 5, 2)]], ids=["portions", "turns"]
)
def test_an_episode_trains_on_the_same_pairs_whatever_share_it_is_in(shares: list[range]) -> None:
    batch = episodes(count=5)
    learner, whole = siamese(pairs=8), siamese(pairs=8)
    parts = []
    for own in shares:
        learner.episodes_seen.fill_(10)
        which = (own.start, own.stop, own.step)
        with sharing(slice(*which)):
            parts.append(learner.loss(batch.slice(*which)) * len(own) / 5)
    whole.episodes_seen.fill_(10)
    torch.testing.assert_close(sum(parts), whole.loss(batch), rtol=1e-12, atol=0)
    assert int(whole.episodes_seen) == 15


def test_episodes_that_are_alike_draw_pairs_of_their_own() -> None:
    one, learner = episodes(count=1), siamese(pairs=8)
    found = [learner.loss(one).item() for _ in range(6)]
    assert len(set(found)) == 6
    again = siamese(pairs=8)
    again.loss(episodes(count=3))
    assert again.loss(one).item() == found[3], "the fourth episode, however many came at a time"


# Distances of pairs


@pytest.mark.parametrize("options", OBJECTIVES)
def test_distance_of_bare_tensors(options: dict[str, object]) -> None:
    encoder = nn.Linear(3, WIDTH).double()
    encoder.dim = WIDTH
    learner = siamese(encoder, **options)
    x1, x2 = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    distances = learner.distance(x1, x2)
    expected = [distance_by_hand(learner, encoder(a), encoder(b)) for a, b in zip(x1, x2, strict=True)]
    torch.testing.assert_close(distances, torch.stack(expected), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(learner.distance({TENSOR: x1}, {TENSOR: x2}), distances)
    with pytest.raises(ValueError, match="as many examples on either side: 5, 4"):
        learner.distance(x1, x2[:4])


def test_both_sides_of_a_distance_share_their_statistics_in_training_alone() -> None:
    encoder = toy_encoder()
    plain = copy.deepcopy(encoder)
    learner = Siamese(encoder, loss="contrastive")
    x1, x2 = torch.randn(2, 4, 16, generator=torch.Generator().manual_seed(1))
    together = plain({"values": torch.cat([x1, x2])})
    expected = (together[:4] - together[4:]).square().sum(-1).sqrt()
    torch.testing.assert_close(learner.distance({"values": x1}, {"values": x2}), expected)
    learner.eval()
    whole = learner.distance({"values": x1}, {"values": x2})
    torch.testing.assert_close(learner.distance({"values": x1[:1]}, {"values": x2[:1]}), whole[:1])


# As a learner


@pytest.mark.parametrize("aggregate", ["mean", "max", "embedding"])
@pytest.mark.parametrize("options", OBJECTIVES)
def test_a_constant_encoder_scores_chance_exactly(options: dict[str, object], aggregate: str) -> None:
    balanced = episodes(([0, 1, 2, 1, 2, 0], [0, 1, 2, 0, 0]), scale=0.0)
    logits = siamese(**options, aggregate=aggregate).adapt(balanced.support)(balanced.query_inputs)
    assert accuracy(logits, balanced.query_labels).tolist() == pytest.approx([1 / 3, 1 / 3])


@pytest.mark.parametrize("aggregate", ["mean", "max", "embedding"])
def test_permuting_labels_permutes_logits(aggregate: str) -> None:
    batch, learner = episodes(), siamese(aggregate=aggregate)
    order = torch.tensor([2, 0, 1])
    block = batch.support[0]
    permuted = (Examples(block.inputs, order[block.labels], block.way),)
    expected = learner.adapt(batch.support)(batch.query_inputs)
    torch.testing.assert_close(learner.adapt(permuted)(batch.query_inputs)[..., order], expected)


def test_adapting_changes_nothing() -> None:
    learner = Siamese(toy_encoder()).eval()
    before, attributes = copy.deepcopy(learner.state_dict()), dict(vars(learner))
    support = Examples.of({"values": torch.randn(6, 16)}, torch.tensor(UNBALANCED[0]))
    learner.adapt((support,))(({"values": torch.randn(1, 4, 16)},))
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert vars(learner) == attributes


def test_alike_scores_higher_from_the_start() -> None:
    learner = Siamese(Embedded("toy", 2))
    x = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    near, toss_up, far = learner.distance(
        {"embedding": x}, {"embedding": torch.tensor([[0.1, 0.0], [0.5, 0.5], [3.0, 1.0]])}
    ).tolist()
    assert near < toss_up < far
    assert toss_up == pytest.approx(0.0)


@pytest.mark.parametrize("key, value", [("margin", 0.0), ("margin", math.inf), ("pairs", 1)])
def test_values_that_make_no_sense(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} must be"):
        Siamese(Embedded("toy", 2), **{key: value})


def test_only_weights_per_dimension_need_the_width() -> None:
    with pytest.raises(ValueError, match="attribute 'dim'"):
        Siamese(nn.Linear(2, 2))
    Siamese(nn.Linear(2, 2), loss="contrastive")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="cross_entropy"),
        pytest.param({"pairs": 32}, id="drawn_pairs"),
        pytest.param({"loss": "contrastive"}, id="contrastive"),
        pytest.param({"loss": "contrastive", "exponent": 1}, id="contrastive_plain"),
    ],
)
def test_it_learns(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    source, encoder, cpu = Toy(classes=30), toy_encoder(dim=64), torch.device("cpu")
    learner = Siamese(encoder, **options)
    loaders = {
        s: make_loader(source, source.catalogue(s), encoder, cpu, Loading()) for s in ("train", "test")
    }
    drawn = Sampler(source.catalogue("train"), "train", Shape(way=5, shot=1, queries=5), seed=0)
    frozen = Sampler(source.catalogue("test"), "test", Shape(way=5, shot=5, queries=5), seed=1234)
    train(learner, loaders["train"], drawn, Train(episodes=150, meta_batch=4, learning_rate=3e-3))
    [score] = evaluate(learner, loaders["test"], [frozen], episodes=50)
    assert score.accuracy.mean - score.accuracy.ci95 > 0.6
