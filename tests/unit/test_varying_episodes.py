"""Episodes of varying size and uneven classes: drawn fairly, scored and trained on like any others."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kshot import builtin
from kshot.config import Loading, Train
from kshot.errors import DataError
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.loading import Loader, StreamingLoader, make_loader
from kshot.metrics import Interval, cross_entropy
from kshot.sampling import Sampler
from kshot.shapes import Each, Imbalanced, Range, Shape
from kshot.specs import LearnerSpec
from kshot.testing import Toy, toy_encoder
from kshot.training import Checkpoint, Training, train

from tests.unit.test_sampler import catalogue

CPU = torch.device("cpu")
VARYING = Shape(Range(2, 6), Each(Range(1, 4)), Imbalanced(12, 2.0))

ranges = st.tuples(st.integers(1, 4), st.integers(1, 3)).map(lambda ends: Range(ends[0], sum(ends)))
shapes = st.builds(
    Shape,
    way=st.one_of(st.integers(2, 6), st.sampled_from([Range(2, 3), Range(2, 6)])),
    shot=st.one_of(st.integers(1, 4), ranges, ranges.map(Each)),
    queries=st.one_of(
        st.integers(1, 5), st.builds(Imbalanced, st.integers(1, 9), st.sampled_from([0.25, 1.0, 2.0]))
    ),
    within=st.sampled_from([None, "alphabet"]),
    apart=st.sampled_from([None, "drawer"]),
)


@settings(max_examples=80)
@given(shape=shapes, start=st.integers(0, 10**9), together=st.sampled_from([1, 4]))
def test_every_episode_is_what_its_shape_says(shape: Shape, start: int, together: int) -> None:
    data = catalogue()
    sampler = Sampler(data, "train", shape, 3, together)
    for number in range(start, start + 6):
        drawn = sampler.draw(number, number + 1)
        classes, support, query = drawn.classes[0], drawn.support[0], drawn.query[0]
        way = len(classes)
        assert shape.ways.low <= way <= shape.ways.high
        assert len(set(classes)) == way
        assert len(set(support) | set(query)) == len(support) + len(query) <= shape.most_examples
        assert (data.labels[support] == classes[drawn.support_labels[0]]).all()
        assert (data.labels[query] == classes[drawn.query_labels[0]]).all()
        shots = np.bincount(drawn.support_labels[0], minlength=way)
        assert shape.shots.low <= shots.min() <= shots.max() <= shape.shots.high
        if not isinstance(shape.shot, Each):
            assert len(set(shots)) == 1
        queries = np.bincount(drawn.query_labels[0], minlength=way)
        if isinstance(shape.queries, Imbalanced):
            assert queries.sum() == shape.queries.total
        else:
            assert set(queries) == {shape.queries}
        if shape.within:
            assert len({data.class_groups["alphabet"][c] for c in classes}) == 1
        if shape.apart:
            group = data.example_groups["drawer"]
            for label in range(way):
                ours = set(group[support[drawn.support_labels[0] == label]])
                assert not ours & set(group[query[drawn.query_labels[0] == label]])


@settings(max_examples=25)
@given(shape=shapes, start=st.integers(0, 500), count=st.integers(1, 40), size=st.integers(1, 40))
def test_batches_hold_every_episode_once_and_as_it_is_alone(
    shape: Shape, start: int, count: int, size: int
) -> None:
    sampler = Sampler(catalogue(), "test", shape, 0)
    batches = list(sampler.batches(start, start + count, size))
    assert sorted(np.concatenate(batches)) == list(range(start, start + count))
    assert max(map(len, batches)) <= size
    for numbers in batches:
        together = sampler.take(numbers)
        for place, number in enumerate(numbers.tolist()):
            alone = sampler.draw(number, number + 1)
            assert all((a[place] == b[0]).all() for a, b in zip(together.arrays, alone.arrays, strict=True))


@settings(max_examples=25)
@given(shape=st.one_of(shapes, st.just(Shape(3, 1, 2))), start=st.integers(0, 500), size=st.integers(1, 40))
def test_drawing_ahead_changes_no_batch(shape: Shape, start: int, size: int) -> None:
    sampler = Sampler(catalogue(), "test", shape, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kshot.sampling.base.BLOCK", 16)
        ahead = list(sampler.drawn(start, start + 60, size))
    batches = list(sampler.batches(start, start + 60, size))
    for numbers, drawn in zip(batches, ahead, strict=True):
        expected = sampler.take(numbers)
        assert all((a == b).all() for a, b in zip(drawn.arrays, expected.arrays, strict=True))


def test_a_meta_batch_is_of_one_size_and_sizes_differ_between_them() -> None:
    sampler = Sampler(catalogue(), "train", VARYING, 0, together=4)
    batches = list(sampler.batches(0, 80, 4))
    assert [numbers.tolist() for numbers in batches] == [list(range(i, i + 4)) for i in range(0, 80, 4)]
    assert len(set(map(tuple, sampler.sizes(np.arange(80)).tolist()))) > 5


def test_episodes_of_two_sizes_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="not of one size"):
        Sampler(catalogue(), "test", VARYING, 0).draw(0, 40)


def chi_square(counts: list[int], expected: list[float]) -> float:
    return sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True))


def test_ways_and_shots_are_uniform_and_independent() -> None:
    sampler = Sampler(catalogue(), "test", Shape(Range(3, 5), Range(1, 4), 2), 0)
    sizes = Counter(map(tuple, sampler.sizes(np.arange(12_000)).tolist()))
    assert set(sizes) == {(way, way * shot) for way in (3, 4, 5) for shot in (1, 2, 3, 4)}
    assert chi_square(list(sizes.values()), [1000.0] * 12) < 11 + 5 * math.sqrt(22)


def test_each_class_draws_a_shot_of_its_own() -> None:
    sampler = Sampler(catalogue(), "test", Shape(2, Each(Range(1, 3)), 2), 0)
    pairs = Counter(
        tuple(np.bincount(sampler.draw(number, number + 1).support_labels[0])) for number in range(2700)
    )
    assert len(pairs) == 9
    assert chi_square(list(pairs.values()), [300.0] * 9) < 8 + 5 * math.sqrt(16)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_the_urn_is_the_dirichlet_multinomial(alpha: float) -> None:
    """The number of queries of one of K classes is beta-binomial with parameters alpha and (K - 1) alpha."""
    way, total, episodes = 3, 6, 6000
    sampler = Sampler(catalogue(), "test", Shape(way, 1, Imbalanced(total, alpha)), 0)
    labels = sampler.draw(0, episodes).query_labels
    rest = (way - 1) * alpha

    def beta(a: float, b: float) -> float:
        return math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))

    expected = [
        episodes * math.comb(total, n) * beta(n + alpha, total - n + rest) / beta(alpha, rest)
        for n in range(total + 1)
    ]
    assert sum(expected) == pytest.approx(episodes)
    for label in range(way):
        counts = np.bincount((labels == label).sum(axis=1), minlength=total + 1)
        assert chi_square(counts.tolist(), expected) < total + 5 * math.sqrt(2 * total)


def test_a_class_gives_no_more_queries_than_it_has() -> None:
    data = catalogue(classes=4, examples=6)
    labels = Sampler(data, "test", Shape(4, 1, Imbalanced(18, 0.5)), 0).draw(0, 300).query_labels
    assert max(np.bincount(row).max() for row in labels) == 5
    with pytest.raises(DataError, match=r"each class needs 1 \+ 6 = 7 examples"):
        Sampler(data, "test", Shape(4, 1, Imbalanced(21, 0.5)), 0)


def test_the_largest_way_and_shot_must_be_there() -> None:
    with pytest.raises(DataError, match=r"5-13-way 1-shot .* has 12 classes"):
        Sampler(catalogue(), "test", Shape(Range(5, 13), 1, 5), 0)
    with pytest.raises(DataError, match=r"15 \+ 6 = 21 examples"):
        Sampler(catalogue(), "test", Shape(5, Each(Range(1, 15)), 6), 0)


def test_varying_episodes_are_fixed_for_ever() -> None:
    """Any change here changes every published figure."""
    drawn = Sampler(catalogue(), "test", VARYING, 0).draw(7, 8)
    assert drawn.classes.tolist() == FIXED_CLASSES
    assert np.bincount(drawn.support_labels[0]).tolist() == FIXED_SHOTS
    assert np.bincount(drawn.query_labels[0], minlength=len(drawn.classes[0])).tolist() == FIXED_QUERIES
    assert drawn.query.tolist() == FIXED_QUERY


def test_manifests_tell_varying_episodes_apart() -> None:
    samplers = [
        Sampler(catalogue(), "test", VARYING, 0),
        Sampler(catalogue(), "test", VARYING, 1),
        Sampler(catalogue(), "test", Shape(VARYING.way, VARYING.shot, Imbalanced(12, 2.5)), 0),
        Sampler(catalogue(), "test", Shape(VARYING.way, Range(1, 4), VARYING.queries), 0),
    ]
    assert len({one.manifest(30) for one in samplers}) == 4
    assert samplers[0].manifest(30) == Sampler(catalogue(), "test", VARYING, 0).manifest(30)


def toy(split: str = "test") -> tuple[Loader, Sampler]:
    source = Toy()
    loader = make_loader(source, source.catalogue(split), toy_encoder(), CPU, Loading())
    return loader, Sampler(source.catalogue(split), split, VARYING, 1)


def built(spec: LearnerSpec) -> Learner:
    torch.manual_seed(0)
    module, _, name = spec.factory.partition(":")
    factory = getattr(__import__(module, fromlist=[name]), name)
    linear = {"head": "prototype"} if spec.name in ("maml", "meta_lstm") else {}
    return factory(toy_encoder(), **linear)


@pytest.mark.parametrize("spec", builtin.kshot_learners(), ids=lambda spec: spec.name)
def test_every_learner_scores_varying_episodes_the_same_however_they_are_cut(
    spec: LearnerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, sampler = toy()
    learner = built(spec)
    if learner.wants_base:
        torch.manual_seed(1)
        learner.begin(torch.randn(20, 16), torch.arange(20) % 4)
    [whole] = evaluate(learner, loader, [sampler], 12, metrics={"cross_entropy": cross_entropy})
    for name in ("EMBEDDED_NUMBERS", "RAW_NUMBERS"):
        monkeypatch.setattr(f"kshot.evaluation.batches.{name}", {"cpu": 1})
    [alone] = evaluate(learner, loader, [sampler], 12, metrics={"cross_entropy": cross_entropy})
    one, other = whole.outcomes, alone.outcomes
    for field in ("accuracy", "queries", "labels", "predicted", "rank", "confidence"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=2e-4, err_msg=field)
    assert whole.metrics["cross_entropy"].mean == pytest.approx(alone.metrics["cross_entropy"].mean, rel=1e-4)


def test_outcomes_stand_in_the_episodes_order() -> None:
    loader, sampler = toy()
    [scored] = evaluate(Prototypical(toy_encoder()), loader, [sampler], 30)
    found = scored.outcomes
    for number in range(30):
        drawn = sampler.draw(number, number + 1)
        own = found.episode == number
        assert found.labels[own].tolist() == drawn.classes[0][drawn.query_labels[0]].tolist()
        assert set(found.predicted[own]) <= set(drawn.classes[0])
        hits = found.predicted[own] == found.labels[own]
        assert hits.mean() == pytest.approx(found.accuracy[number])


def test_both_roads_load_the_same_varying_episodes() -> None:
    resident, sampler = toy()
    source = Toy()
    streaming = StreamingLoader(source, source.catalogue("test"), toy_encoder(), CPU, 0)
    pairs = zip(resident.episodes(sampler, 3, 20, 8), streaming.episodes(sampler, 3, 20, 8), strict=True)
    for one, other in pairs:
        assert one.classes == other.classes
        assert torch.equal(one.query[0].inputs["values"], other.query[0].inputs["values"])
        assert torch.equal(one.query_labels, other.query_labels)


class CutError(Exception):
    """Stands for whatever ends a process."""


def fit(learner: Learner, checkpoint: Checkpoint | None = None, cut: int | None = None) -> Training:
    loader, _ = toy("train")
    options = Train(episodes=22, meta_batch=4, validations=3)
    sampler = Sampler(loader.catalogue, "train", VARYING, 0, options.meta_batch)

    def validate(episodes: int) -> Interval:
        if episodes == cut:
            raise CutError
        return Interval(0.5, 0.01)

    return train(learner, loader, sampler, options, validate=validate, checkpoint=checkpoint)


@pytest.mark.parametrize(
    "spec", [spec for spec in builtin.kshot_learners() if spec.name in ("prototypical", "maml", "siamese")],
    ids=lambda spec: spec.name,
)  # fmt: skip
def test_a_training_on_varying_episodes_goes_on_to_the_bit(spec: LearnerSpec, tmp_path: Path) -> None:
    whole = built(spec)
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    expected = fit(whole)
    assert expected.episodes == 22
    assert any(not torch.equal(value, before[name]) for name, value in whole.state_dict().items())
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(CutError):
        fit(built(spec), Checkpoint(path, "key"), cut=16)
    resumed = built(spec)
    found = fit(resumed, Checkpoint(path, "key"))
    assert [point.loss for point in found.curve] == [point.loss for point in expected.curve]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_head_of_fixed_way_says_what_serves_varying_ones() -> None:
    with pytest.raises(ValueError, match="where it varies, take head 'prototype' or 'shared'"):
        MAML(toy_encoder(), way=None)


FIXED_CLASSES = [[8, 9, 6]]
FIXED_SHOTS = [1, 2, 1]
FIXED_QUERIES = [2, 4, 6]
FIXED_QUERY = [[190, 179, 136, 126, 162, 188, 180, 131, 132, 189, 138, 139]]
