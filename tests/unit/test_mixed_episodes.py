"""Sources joined by class name, and the episodes that cross from one to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot.errors import DataError
from kshot.interfaces import Presentation, Sensed, Source, Split
from kshot.sampling import Catalogue, Drawn, OtherClasses, Sampler, Sides, shares_of
from kshot.shapes import Each, Imbalanced, Range, Shape
from kshot.sources import Aligned, ClassNames


class Named(Source):
    """A made-up source: class names, and so many examples of each; a row is told as text."""

    def __init__(self, modality: str, classes: Sequence[str], examples: int = 20) -> None:
        self.modality = modality
        labels = [name for name in classes for _ in range(examples)]
        keys = [f"{number:03d}" for _ in classes for number in range(examples)]
        self._catalogue = Catalogue.build(labels, keys, version=modality)

    def catalogue(self, split: Split) -> Catalogue:
        if split == "validation":
            raise DataError("none")
        return self._catalogue

    def fetch(self, row: int) -> str:
        return f"{self.modality} {row}"

    def present(self, raw: str) -> Presentation:
        return Presentation("text/plain", raw.encode())

    def place(self, row: int) -> str:
        return f"{self.modality} place {row}"


CLASSES = [f"class {number}" for number in range(8)]


def aligned(**options: Any) -> Aligned:
    parts = {
        "photos": Named("image", CLASSES),
        "clips": Named("audio", CLASSES, 12),
        "tags": Named("text", CLASSES, 9),
    }
    return Aligned(of=parts, **options)


def draw(
    source: Source, shape: Shape, count: int = 6, split: Split = "test", together: int = 1
) -> list[Drawn]:
    sampler = Sampler(source.catalogue(split), split, shape, 0, together)
    return [sampler.draw(number, number + 1) for number in range(count)]


def parts_of(source: Source, positions: np.ndarray, split: Split = "test") -> list[str]:
    catalogue = source.catalogue(split)
    return [source.fetch(int(row)).modality for row in catalogue.rows[positions].ravel()]


def test_support_and_query_come_from_the_parts_that_are_named() -> None:
    source = aligned(support="clips", query="tags")
    for one in draw(source, Shape(5, 2, 3)):
        assert set(parts_of(source, one.support)) == {"audio"}
        assert set(parts_of(source, one.query)) == {"text"}
        assert len(set(one.support.ravel())) == one.support.size == 10
        assert len(set(one.query.ravel())) == one.query.size == 15


def test_unknown_queries_are_of_the_parts_of_the_known_ones() -> None:
    source = aligned(support="photos", query={"clips": 1, "tags": 2})
    sampler = Sampler(source.catalogue("test"), "test", Shape(3, 2, 3), 0)
    numbers = np.arange(50)
    positions = OtherClasses(sampler, 2, 6, seed=0).take(numbers)
    assert parts_of(source, positions) == (["audio"] * 4 + ["text"] * 8) * 50
    for row, known in zip(positions, sampler.take(numbers).classes, strict=True):
        assert len(set(row.tolist())) == 12
        classes, counts = np.unique(source.catalogue("test").labels[row], return_counts=True)
        assert counts.tolist() == [6, 6]
        assert not set(classes.tolist()) & set(known.tolist())
    with pytest.raises(DataError, match="query of 1 clips : 2 tags cannot share 4; ask for a multiple of 3"):
        OtherClasses(sampler, 2, 4, seed=0)
    with pytest.raises(DataError, match="has 0 with 15 examples, and 2 are asked for"):
        OtherClasses(sampler, 2, 15, seed=0)  # ten of them tags, of which a class has nine


def test_labels_are_those_of_the_classes() -> None:
    source = aligned(support={"photos": 1, "clips": 1}, query="tags")
    catalogue = source.catalogue("test")
    for one in draw(source, Shape(4, 2, 3)):
        for positions, labels in ((one.support, one.support_labels), (one.query, one.query_labels)):
            assert (catalogue.labels[positions] == np.take_along_axis(one.classes, labels, axis=1)).all()


def test_a_mix_is_shared_within_every_class() -> None:
    source = aligned(support={"photos": 3, "tags": 2}, query={"audio": 0.5, "photos": 0.5})
    for one in draw(source, Shape(3, 5, 4)):
        assert not set(one.support.ravel()) & set(one.query.ravel())
        for label in range(3):
            mine = one.support[one.support_labels == label]
            assert sorted(parts_of(source, mine)) == ["image"] * 3 + ["text"] * 2
            asked = one.query[one.query_labels == label]
            assert sorted(parts_of(source, asked)) == ["audio"] * 2 + ["image"] * 2


def test_the_examples_of_a_part_stand_together() -> None:
    source = aligned(support={"photos": 3, "tags": 2}, query="clips")
    blocks = source.catalogue("test").blocks
    assert blocks
    for one in draw(source, Shape(3, 5, 4)):
        assert blocks.runs(one.support) == [(0, slice(0, 9)), (2, slice(9, 15))]


@pytest.mark.parametrize("support", ["photos", {"photos": 2, "clips": 1}])
def test_one_modality_on_both_sides_shares_no_example(support: Any) -> None:
    source = aligned(support=support, query="photos")
    for one in draw(source, Shape(5, 3, 10), 20):
        assert not set(one.support.ravel()) & set(one.query.ravel())


def test_episodes_have_the_same_classes_and_queries_whatever_their_support() -> None:
    shape = Shape(5, 2, 3)
    first, *others = [
        draw(aligned(support=support, query="tags"), shape)
        for support in ("photos", "clips", "tags", {"photos": 1, "clips": 1})
    ]
    for other in others:
        for one, two in zip(first, other, strict=True):
            assert (one.classes == two.classes).all()
            assert set(one.query.ravel()) == set(two.query.ravel())
    turned = draw(aligned(support="tags", query="photos"), shape)
    assert all((one.classes == two.classes).all() for one, two in zip(first, turned, strict=True))


def test_training_takes_turns_of_directions_and_tests_do_not() -> None:
    source = aligned(support="photos", query="clips")
    ways = [parts_of(source, one.support, "train")[0] for one in draw(source, Shape(3, 1, 2), 6, "train")]
    assert ways == ["image", "audio"] * 3
    assert {parts_of(source, one.support)[0] for one in draw(source, Shape(3, 1, 2))} == {"image"}


def test_a_class_serves_where_it_can_in_every_direction() -> None:
    shape = Shape(3, 8, 13)  # there are 12 clips of a class, and 20 photos
    one = aligned(support="clips", query="photos", directions="one").catalogue("train")
    assert Sampler(one, "train", shape, 0).left_out == ()
    both = aligned(support="clips", query="photos").catalogue("train")
    with pytest.raises(DataError, match="8 classes, of which 0 can serve"):
        Sampler(both, "train", shape, 0)


def test_the_episodes_of_a_meta_batch_share_a_direction() -> None:
    source = aligned(support="photos", query="clips", directions="all")
    sampler = Sampler(source.catalogue("train"), "train", Shape(3, 1, 2), 0, 4)
    batches = list(sampler.batches(0, 24, 4))
    assert [len(one) for one in batches] == [4] * 6
    blocks = source.catalogue("train").blocks
    assert blocks
    ways = [(blocks.runs(d.support)[0][0], blocks.runs(d.query)[0][0]) for d in map(sampler.take, batches)]
    assert sorted(ways) == [(a, b) for a in range(3) for b in range(3) if a != b]
    with pytest.raises(ValueError, match="not of one direction"):
        sampler.take(np.array([0, 4]))


def test_directions_can_be_one_and_mixes_stay_as_they_are() -> None:
    one = aligned(support="photos", query="clips", directions="one").catalogue("train").blocks
    mixed = aligned(support={"photos": 1, "clips": 1}, query="clips").catalogue("train").blocks
    both = (
        aligned(support={"photos": 1, "clips": 1}, query="clips", directions="both").catalogue("train").blocks
    )
    assert one and mixed and both
    assert [len(blocks.sides) for blocks in (one, mixed, both)] == [1, 1, 2]
    assert one.direction(one.sides[0]) == "photos → clips"
    assert mixed.direction(mixed.sides[0]) == "1 photos : 1 clips → clips"


@pytest.mark.parametrize(
    "shape",
    [Shape(Range(3, 5), Range(1, 3), 4), Shape(4, Each(Range(1, 3)), 4), Shape(4, 2, Imbalanced(12, 2))],
)
def test_shapes_may_be_distributions_where_a_side_is_one_part(shape: Shape) -> None:
    source = aligned(support="photos", query="clips")
    for one in draw(source, shape, 12):
        assert set(parts_of(source, one.support)) == {"image"}
        assert len(set(one.query.ravel())) == one.query.size


def test_queries_of_one_part_may_be_shared_unevenly_beside_a_mixed_support() -> None:
    source = aligned(support={"photos": 1, "clips": 1}, query="clips")
    for one in draw(source, Shape(4, 2, Imbalanced(12, 2))):
        assert set(parts_of(source, one.query)) == {"audio"}
        assert len(set(one.query.ravel())) == one.query.size == 12


def test_examples_tell_their_modality_place_and_presentation() -> None:
    source = aligned()
    rows = source.catalogue("test").rows
    raw = source.fetch(int(rows[25]))
    assert isinstance(raw, Sensed)
    assert (raw.modality, source.place(int(rows[25]))) == ("audio", "audio place 5")
    assert source.present(raw).data == b"audio 5"


def test_shares_are_small_whole_numbers() -> None:
    assert shares_of({"b": 0.6, "a": 0.4}, ["a", "b", "c"]) == (2, 3, 0)
    assert shares_of({"a": 4, "b": 2}, ["a", "b"]) == (2, 1)
    assert Sides((1, 0), (0, 1)).turned == Sides((0, 1), (1, 0))


def test_classes_of_one_part_alone_are_left_out_and_listed() -> None:
    source = Aligned(of={"a": Named("image", ["x", "y", "only"]), "b": Named("audio", ["y", "x", "other"])})
    assert source.catalogue("test").classes == ("x", "y")
    assert source.notes == [
        "train: 1 classes of 'a' have no counterpart and are left out: only",
        "train: 1 classes of 'b' have no counterpart and are left out: other",
        "test: 1 classes of 'a' have no counterpart and are left out: only",
        "test: 1 classes of 'b' have no counterpart and are left out: other",
    ]


def test_what_a_parts_classes_were_made_of_is_known_of_those_in_common() -> None:
    class Turned(Named):
        def catalogue(self, split: Split) -> Catalogue:
            return replace(self._catalogue, origins=tuple(name[0] for name in self._catalogue.classes))

    plain, turned = Named("image", ["x1", "y1", "only"]), Turned("audio", ["y1", "x2", "x1"])
    made = Aligned(of={"plain": plain, "turned": turned}, mapping={"turned": {"x2": "only"}}).catalogue(
        "test"
    )
    assert (made.classes, made.origins) == (("only", "x1", "y1"), ("x", "x", "y"))
    assert Aligned(of={"one": plain, "two": Named("text", ["x1"])}).catalogue("test").origins is None


def test_names_may_be_normalised_or_mapped(tmp_path: Path) -> None:
    parts = {
        "a": Named("image", ["Ice_Cream", "New  York", "pc"]),
        "b": Named("audio", ["ice cream", "new-york", "computer"]),
    }
    assert Aligned(of=parts, match="normalised").catalogue("test").classes == ("ice cream", "new york")
    assert Aligned(of=parts, mapping={"a": {"pc": "computer"}}).catalogue("test").classes == ("computer",)
    mapping = {"a": {"pc": "Computer"}}
    file = tmp_path / "names.json"
    file.write_text(json.dumps(mapping))
    for given in (mapping, file):
        both = Aligned(of=parts, match="normalised", mapping=given)
        assert both.catalogue("test").classes == ("computer", "ice cream", "new york")


def test_the_fingerprint_depends_on_parts_and_names_not_on_directions() -> None:
    one = aligned(support="photos", query="clips").catalogue("test").fingerprint
    assert aligned(support="clips", query="photos").catalogue("test").fingerprint == one
    other = {
        "photos": Named("image", CLASSES),
        "clips": Named("audio", CLASSES, 11),
        "tags": Named("text", CLASSES, 9),
    }
    assert Aligned(of=other).catalogue("test").fingerprint != one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"support": "foto"}, r"support: there is no part or modality 'foto'; did you mean 'photos'\?"),
        ({"query": "video"}, "query: there is no part or modality 'video'"),
        ({"query": {}}, "query: an empty mix"),
        ({"support": {"photos": 1, "image": 1}}, "support: 'photos' is named twice"),
        ({"mapping": {"foto": {}}}, r"mapping: there is no part 'foto'; did you mean 'photos'\?"),
        (
            {"mapping": {"photos": {"clas 1": "x"}}},
            r"'photos' has no class 'clas 1'; did you mean 'class 1'\?",
        ),
        ({"mapping": Path("nowhere.yaml")}, "nowhere.yaml: cannot be read: No such file"),
        ({"mapping": {"photos": {"class 1": "class 2"}}}, "'photos' has two classes for 'class 2'"),
    ],
)
def test_wrong_options_are_told(options: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        aligned(**options)


def test_pairs_without_a_shared_class_are_told_with_what_each_has() -> None:
    parts = {"a": Named("image", ["Cat", "Dog"]), "b": Named("audio", ["cat", "dog"])}
    expected = "no class is in every one of a, b, in any split: a has Cat, .*; b has cat, .*; try `match: normalised`"
    with pytest.raises(DataError, match=expected):
        Aligned(of=parts)


def test_one_part_is_too_few() -> None:
    with pytest.raises(DataError, match="`of` needs two sources at least, got a"):
        Aligned(of={"a": Named("image", ["x"])})


@pytest.mark.parametrize(
    ("support", "shape", "message"),
    [
        ("tags", Shape(5, 10, 2), "each class needs 0 . 2 examples of clips and 10 . 0 examples of tags"),
        ("tags", Shape(5, 10, 2), "; tags has 9 of a class at most;"),
        ("tags", Shape(9, 1, 2), "8 classes, of which 8 can serve"),
        (
            {"photos": 1, "clips": 1},
            Shape(3, 18, 4),
            r"each class needs 9 \+ 0 examples of photos and 9 \+ 4 examples of clips",
        ),
        (
            {"photos": 1, "tags": 1},
            Shape(5, 3, 2),
            "support of 1 photos : 1 tags cannot share 3: the shot of a class",
        ),
        ({"photos": 1, "tags": 1}, Shape(5, Range(2, 4), 2), "needs a shot that is one number, not 2-4"),
        ("photos", Shape(5, 1, 1, apart="voice"), "no common groups .* leave 'apart' out"),
    ],
)
def test_shapes_that_the_parts_cannot_serve_are_told(support: Any, shape: Shape, message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw(aligned(support=support, query="clips"), shape)


def test_class_names_are_texts_one_for_each_template() -> None:
    names = ClassNames(
        of={"photos": Named("image", ["ice_cream", "pear"])}, templates=["{}", "a photo of a {}"]
    )
    catalogue = names.catalogue("test")
    assert catalogue.classes == ("ice_cream", "pear")
    texts = [names.fetch(int(row)) for row in catalogue.rows]
    assert texts == ["ice cream", "a photo of a ice cream", "pear", "a photo of a pear"]
    with pytest.raises(DataError, match="has no validation split"):
        names.catalogue("validation")
    with pytest.raises(DataError, match=r"a template holds \{\}"):
        ClassNames(of={"photos": Named("image", ["x"])}, templates=["photo"])
