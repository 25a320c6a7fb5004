"""The sampler: a pure function of the episode's number, fair, and true to its constraints."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kshot.errors import DataError
from kshot.sampling import Catalogue, Sampler
from kshot.sampling.streams import Stream, below, distinct
from kshot.shapes import Each, Imbalanced, Range, Shape


def catalogue(classes: int = 12, examples: int = 20, version: str = "1") -> Catalogue:
    labels = [f"c{i // examples:03d}" for i in range(classes * examples)]
    return Catalogue.build(
        labels,
        [f"{i % examples:03d}" for i in range(len(labels))],
        version=version,
        class_groups={"alphabet": {label: str(int(label[1:]) // 6) for label in labels}},
        example_groups={"drawer": [str(i % examples // 3) for i in range(len(labels))]},
    )


shapes = st.builds(
    Shape,
    way=st.integers(2, 6),
    shot=st.integers(1, 5),
    queries=st.integers(1, 8),
    within=st.sampled_from([None, "alphabet"]),
    apart=st.sampled_from([None, "drawer"]),
)


@settings(max_examples=60)
@given(shape=shapes, seed=st.integers(0, 2**31), start=st.integers(0, 10**9))
def test_every_episode_is_what_its_shape_says(shape: Shape, seed: int, start: int) -> None:
    data = catalogue()
    drawn = Sampler(data, "train", shape, seed).draw(start, start + 8)
    labels = data.labels
    group = data.example_groups["drawer"]
    for t in range(len(drawn)):
        support, query = drawn.support[t], drawn.query[t]
        assert len(set(support) | set(query)) == shape.way * (shape.shot + shape.queries)
        assert len(set(drawn.classes[t])) == shape.way
        assert (labels[support] == drawn.classes[t][drawn.support_labels[t]]).all()
        assert (labels[query] == drawn.classes[t][drawn.query_labels[t]]).all()
        assert (np.bincount(drawn.support_labels[t]) == shape.shot).all()
        assert (np.bincount(drawn.query_labels[t]) == shape.queries).all()
        if shape.within:
            assert len({data.class_groups["alphabet"][c] for c in drawn.classes[t]}) == 1
        if shape.apart:
            for label in range(shape.way):
                ours = set(group[support[drawn.support_labels[t] == label]])
                assert not ours & set(group[query[drawn.query_labels[t] == label]])


@settings(max_examples=30)
@given(shape=shapes, start=st.integers(0, 5000), length=st.integers(1, 40))
def test_an_episode_does_not_depend_on_how_it_is_asked_for(shape: Shape, start: int, length: int) -> None:
    sampler = Sampler(catalogue(), "test", shape, 3)
    together = sampler.draw(start, start + length)
    alone = sampler.draw(start + length - 1, start + length)
    assert (together.support[-1] == alone.support[0]).all()
    assert (together.query[-1] == alone.query[0]).all()
    assert (together.query_labels[-1] == alone.query_labels[0]).all()


def test_identity_of_episodes() -> None:
    shape = Shape(5, 1, 5)
    base = Sampler(catalogue(), "test", shape, 1).manifest(50)
    assert base == Sampler(catalogue(), "test", shape, 1).manifest(50)
    others = [
        Sampler(catalogue(), "test", shape, 2),
        Sampler(catalogue(), "train", shape, 1),
        Sampler(catalogue(version="2"), "test", shape, 1),
        Sampler(catalogue(), "test", Shape(5, 1, 6), 1),
        Sampler(catalogue(examples=21), "test", shape, 1),
    ]
    assert len({base, *(other.manifest(50) for other in others)}) == 6


def test_the_stream_is_fixed_for_ever() -> None:
    """Any change here changes every published figure: the words are Philox's, the rest is ours."""
    sampler = Sampler(catalogue(), "test", Shape(3, 1, 2), 0)
    drawn = sampler.draw(7, 8)
    assert drawn.classes.tolist() == FIXED_CLASSES
    assert drawn.support.tolist() == FIXED_SUPPORT
    assert drawn.query.tolist() == FIXED_QUERY


FIXED_CLASSES = [[4, 0, 2]]
FIXED_SUPPORT = [[45, 91, 0]]
FIXED_QUERY = [[9, 40, 6, 52, 86, 84]]


def test_records_own_their_words() -> None:
    stream = Stream(["x"], 7)
    assert (stream.records(3, 9)[2] == stream.records(5, 6)[0]).all()
    words = stream.records(0, 2000)
    assert len(np.unique(words)) == words.size


@settings(max_examples=50)
@given(
    count=st.integers(1, 12),
    extras=st.lists(st.one_of(st.integers(0, 50), st.sampled_from([245, 256, 65_530, 70_000])), min_size=1),
    seed=st.integers(0, 1000),
)
def test_sparse_shuffle_equals_the_plain_one(count: int, extras: list[int], seed: int) -> None:
    words = Stream([seed], count).records(0, len(extras))
    population = count + np.asarray(extras)
    expected = []
    for row, size in zip(words, population.tolist(), strict=True):
        pool = list(range(size))
        for j in range(count):
            r = j + int(below(row[j : j + 1], size - j)[0])
            pool[j], pool[r] = pool[r], pool[j]
        expected.append(pool[:count])
    assert distinct(words, population).tolist() == expected


@pytest.mark.parametrize("shape", [Shape(5, 1, 4), Shape(5, Each(Range(1, 4)), Imbalanced(20, 1.0))], ids=str)
def test_many_episodes_are_drawn_in_pieces_and_are_the_same(
    shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = Sampler(catalogue(classes=10, examples=40), "train", shape, 0, together=64)
    whole = sampler.draw(0, 50)
    monkeypatch.setattr("kshot.sampling.sampler._WORDS", 600)
    pieces = sampler.draw(0, 50)
    for one, other in zip(whole.arrays, pieces.arrays, strict=True):
        assert (one == other).all()


def test_draws_are_uniform() -> None:
    """Chi-square of classes and examples over many episodes, against their known quantiles."""
    data = catalogue(classes=10, examples=20)
    drawn = Sampler(data, "train", Shape(5, 1, 4), 0).draw(0, 20000)
    for counts in (
        np.bincount(drawn.classes.reshape(-1), minlength=10),
        np.bincount(drawn.query.reshape(-1), minlength=200),
        np.bincount(drawn.support.reshape(-1), minlength=200),
        np.bincount(drawn.classes[:, 0], minlength=10),
    ):
        expected = counts.sum() / len(counts)
        statistic = ((counts - expected) ** 2 / expected).sum()
        freedom = len(counts) - 1
        assert statistic < freedom + 5 * np.sqrt(2 * freedom)


def test_no_order_reveals_a_label() -> None:
    """Each place of the query holds each label equally often."""
    drawn = Sampler(catalogue(), "train", Shape(4, 2, 3), 5).draw(0, 8000)
    for labels in (drawn.query_labels, drawn.support_labels):
        for place in range(labels.shape[1]):
            counts = np.bincount(labels[:, place], minlength=4)
            assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)


def test_short_classes_are_left_out_and_named() -> None:
    labels = ["big"] * 10 + ["small"] * 3 + ["other"] * 10 + ["third"] * 10
    data = Catalogue.build(labels, [str(i) for i in range(len(labels))], version="1")
    sampler = Sampler(data, "test", Shape(3, 1, 4), 0)
    assert sampler.left_out == ("small",)
    small = data.classes.index("small")
    assert small not in sampler.draw(0, 200).classes


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape(20, 1, 5), ["20-way", "12 classes"]),
        (Shape(5, 1, 30), ["1 + 30 = 31 examples", "c000 (20)"]),
        (Shape(7, 1, 5, within="alphabet"), ["within one 'alphabet'", "at most 6"]),
        (Shape(5, 1, 5, within="alphabets"), ["no class group 'alphabets'", "did you mean 'alphabet'"]),
        (Shape(5, 1, 5, apart="speaker"), ["no example group 'speaker'", "drawer"]),
        (Shape(5, 10, 9, apart="drawer"), ["kept apart"]),
    ],
)
def test_too_little_data_is_told(shape: Shape, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        Sampler(catalogue(), "test", shape, 0)
    for word in words:
        assert word in str(caught.value)


def test_catalogue_does_not_depend_on_the_order_of_rows() -> None:
    labels, keys = ["b", "a", "b", "a"], ["2", "1", "1", "2"]
    one = Catalogue.build(labels, keys, version="1")
    other = Catalogue.build(labels[::-1], keys[::-1], version="1")
    assert one.fingerprint == other.fingerprint
    assert [labels[r] + keys[r] for r in one.rows] == ["a1", "a2", "b1", "b2"]
    assert [labels[::-1][r] + keys[::-1][r] for r in other.rows] == ["a1", "a2", "b1", "b2"]


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@settings(max_examples=60)
@given(st.lists(st.tuples(names, names), min_size=1, max_size=30, unique=True))
def test_a_catalogue_is_sorted_by_class_and_key_and_hashed_in_that_order(
    pairs: list[tuple[str, str]],
) -> None:
    labels, keys = [one for one, _ in pairs], [one for _, one in pairs]
    built = Catalogue.build(labels, keys, version="3")
    order = sorted(range(len(pairs)), key=pairs.__getitem__)
    assert built.rows.tolist() == order
    assert built.classes == tuple(sorted(set(labels)))
    assert [built.classes[c] for c in built.labels] == [labels[i] for i in order]
    written = "".join(f"{len(labels[i])}:{labels[i]}{len(keys[i])}:{keys[i]}" for i in order)
    assert built.fingerprint == f"sha256:{hashlib.sha256(f'3{chr(0)}{written}'.encode()).hexdigest()}"


def test_catalogue_refuses_two_examples_under_one_key() -> None:
    with pytest.raises(DataError, match="two examples under the key '1'"):
        Catalogue.build(["a", "a"], ["1", "1"], version="1")


def test_catalogue_wants_a_value_for_every_class() -> None:
    with pytest.raises(DataError, match="no value for the classes b"):
        Catalogue.build(["a", "b"], ["1", "1"], version="1", class_groups={"g": {"a": "x"}})
    with pytest.raises(DataError, match="no value for the classes b"):
        Catalogue.build(["a", "b"], ["1", "1"], version="1", origins={"a": "x"})


def test_what_classes_were_made_of_does_not_change_the_episodes() -> None:
    labels, keys = list("bab"), list("122")
    plain, made = (
        Catalogue.build(labels, keys, version="1", origins=origins)
        for origins in (None, {"a": "x", "b": "y"})
    )
    assert (plain.origins, made.origins) == (None, ("x", "y"))
    assert plain.fingerprint == made.fingerprint
