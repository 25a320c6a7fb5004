"""Sources joined by class name, their episodes, loaders, and the pretraining by pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kshot.config import Loading, Pretrain
from kshot.encoders import Joint
from kshot.encoders.embedded import EMBEDDING
from kshot.encoders.joint import MARK
from kshot.errors import DataError
from kshot.evaluation import evaluate
from kshot.interfaces import Sensed, Source
from kshot.learners.prototypical import Prototypical
from kshot.loading import RawExamples
from kshot.sampling import Sampler
from kshot.shapes import Imbalanced, Range, Shape
from kshot.sources import Aligned, ClassNames
from kshot.testing import toy_encoder
from kshot.training import pretrain

from tests.senses import Sensing, joint, loader_of, see

SHAPE = Shape(3, 2, 4)


def senses(**more: Any) -> dict[str, Source]:
    return {"seen": Sensing("sight"), "heard": Sensing("sound", **more)}


def aligned(**options: Any) -> Aligned:
    return Aligned(of=senses(), **options)


def parts_drawn(source: Source, shape: Shape, numbers: range = range(20), split: Any = "test") -> Any:
    """Per episode the parts of the support examples and of the query examples, and the draw."""
    catalogue = source.catalogue(split)
    assert catalogue.blocks is not None
    sampler = Sampler(catalogue, split, shape, 0)
    for number in numbers:
        drawn = sampler.draw(number, number + 1)
        yield catalogue.blocks.of[drawn.support[0]], catalogue.blocks.of[drawn.query[0]], drawn


def test_support_and_query_come_from_their_parts() -> None:
    source = aligned(support="seen", query="heard")
    labels = source.catalogue("test").labels
    for support, query, drawn in parts_drawn(source, SHAPE):
        assert (support == 0).all() and (query == 1).all()
        for positions, own in ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels)):
            assert (labels[positions] == np.take_along_axis(drawn.classes, own, axis=1)).all()
            assert len(np.unique(positions)) == positions.size


def test_a_mix_has_its_counts_in_every_class() -> None:
    source = aligned(support={"seen": 3, "heard": 2}, query={"sight": 1, "sound": 1})
    for support, query, drawn in parts_drawn(source, Shape(3, 5, 4)):
        for label in range(3):
            assert np.bincount(support[drawn.support_labels[0] == label]).tolist() == [3, 2]
            assert np.bincount(query[drawn.query_labels[0] == label]).tolist() == [2, 2]
        assert not set(drawn.support[0].tolist()) & set(drawn.query[0].tolist())


def test_directions_with_the_same_queries_are_comparable() -> None:
    """Whatever the support is made of, episode i has the same classes and the same queries."""
    first = list(parts_drawn(aligned(support="seen", query="heard"), SHAPE))
    second = list(parts_drawn(aligned(support={"seen": 1, "heard": 1}, query="heard"), SHAPE))
    for (_, _, one), (_, _, other) in zip(first, second, strict=True):
        assert one.classes.tolist() == other.classes.tolist()
        assert sorted(one.query[0].tolist()) == sorted(other.query[0].tolist())


def test_training_takes_turns_and_testing_does_not() -> None:
    source = aligned(support="seen", query="heard")
    turns = [int(support[0]) for support, _, _ in parts_drawn(source, SHAPE, range(4), "train")]
    assert turns == [0, 1, 0, 1]
    source = aligned(support="seen", query="heard", directions="one")
    assert {int(support[0]) for support, _, _ in parts_drawn(source, SHAPE, range(4), "train")} == {0}
    meta_batch = Sampler(aligned().catalogue("train"), "train", SHAPE, 0, together=2)
    blocks = aligned().catalogue("train").blocks
    assert blocks is not None
    assert [int(blocks.of[meta_batch.draw(i, i + 1).support[0, 0]]) for i in range(4)] == [0, 0, 1, 1]


def test_classes_of_one_part_alone_are_told_and_left_out() -> None:
    source = Aligned(of=senses(lacking=2))
    assert len(source.catalogue("test").classes) == 10
    assert any(note.startswith("test: 2 classes of 'seen' have no counterpart") for note in source.notes)


def test_names_are_compared_as_asked(tmp_path: Path) -> None:
    shouted = senses(shouted=True)
    with pytest.raises(DataError, match=r"no class is in every one of seen, heard.*try `match: normalised`"):
        Aligned(of=shouted)
    assert len(Aligned(of=shouted, match="normalised").catalogue("test").classes) == 12
    names = {"heard": {f"TEST {n:03d}": f"test-{n:03d}" for n in range(24, 29)}}
    path = tmp_path / "names.json"
    path.write_text(json.dumps(names))
    for mapping in (path, names):
        assert len(Aligned(of=shouted, mapping=mapping).catalogue("test").classes) == 5
    with pytest.raises(DataError, match="'heard' has no class 'TEST 99'"):
        Aligned(of=shouted, mapping={"heard": {"TEST 99": "test-024"}})
    with pytest.raises(DataError, match="there is no part 'herd'; did you mean 'heard'"):
        Aligned(of=shouted, mapping={"herd": {}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"support": "sen"}, "support: there is no part or modality 'sen'; did you mean 'seen'"),
        ({"query": {}}, "query: an empty mix"),
        ({"support": {"seen": 1, "sight": 1}}, "support: 'seen' is named twice"),
    ],
)
def test_sides_that_are_not_there(options: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        aligned(**options)


def test_a_shape_that_the_shares_do_not_divide_is_refused() -> None:
    catalogue = aligned(support={"seen": 1, "heard": 1}).catalogue("test")
    for shape, words in (
        (Shape(3, 3, 4), "cannot share 3: the shot of a class counts all modalities"),
        (Shape(3, Range(2, 4), 4), "needs a shot that is one number"),
        (Shape(3, 2, 4, apart="batch"), "leave 'apart' out"),
    ):
        with pytest.raises(DataError, match=words):
            Sampler(catalogue, "test", shape, 0)
    Sampler(catalogue, "test", Shape(3, 2, Imbalanced(9, 2.0)), 0).draw(0, 1)


def test_more_shots_than_a_modality_has_are_refused() -> None:
    source = aligned(support={"seen": 1, "heard": 1}, query="heard")
    with pytest.raises(
        DataError, match=r"each class needs 9 \+ 0 examples of seen and 9 \+ 4 examples of heard"
    ):
        Sampler(source.catalogue("test"), "test", Shape(3, 18, 4), 0)


def test_both_roads_give_the_same_blocks() -> None:
    source, encoder = aligned(support={"seen": 1, "heard": 1}, query="heard"), joint()
    sampler = Sampler(source.catalogue("test"), "test", SHAPE, 0)
    resident, streaming = (loader_of(source, "test", encoder, Loading(memory_gib=gib)) for gib in (1.0, 1e-9))
    pairs = zip(resident.episodes(sampler, 0, 6, 3), streaming.episodes(sampler, 0, 6, 3), strict=True)
    for one, other in pairs:
        assert [set(block.inputs) for block in one.support] == [
            {"values", MARK + "sight"},
            {"values", MARK + "sound"},
        ]
        assert [set(block.inputs) for block in one.query] == [{"values", MARK + "sound"}]
        for a, b in zip((*one.support, *one.query), (*other.support, *other.query), strict=True):
            assert torch.equal(a.labels, b.labels)
            assert torch.equal(a.inputs["values"], b.inputs["values"])


def test_a_part_is_what_the_tower_embeds() -> None:
    """An episode's embeddings are those of each example by its own tower."""
    source, encoder = aligned(support="seen", query="heard"), joint().eval()
    catalogue = source.catalogue("test")
    sampler = Sampler(catalogue, "test", SHAPE, 0)
    [episodes] = loader_of(source, "test", encoder).episodes(sampler, 0, 1, 1)
    drawn = sampler.draw(0, 1)
    for block, positions in ((episodes.support[0], drawn.support), (episodes.query[0], drawn.query)):
        raw = RawExamples(source, catalogue.rows[positions[0]])
        expected = encoder(encoder.prepare(raw))
        found = encoder({name: leaf[0] for name, leaf in block.inputs.items()})
        torch.testing.assert_close(found, expected)


def test_pairs_bring_modalities_together() -> None:
    source = Aligned(of={sense: Sensing(sense, classes=40) for sense in ("sight", "sound")})
    sampler = Sampler(source.catalogue("test"), "test", Shape(5, 1, 5), 1)
    encoders: list[Joint] = []
    accuracies: list[float] = []
    for epochs in (0, 15, 15):
        torch.manual_seed(0)
        encoder = joint()
        if epochs:
            options = Pretrain(epochs=epochs, batch=40, learning_rate=0.01)
            found = pretrain(encoder, loader_of(source, "train", encoder), options, "linear", 0)
            assert found.epochs == epochs
        loader = loader_of(source, "test", encoder)
        [scored] = evaluate(Prototypical(encoder), loader, [sampler], 60)
        encoders.append(encoder)
        accuracies.append(scored.accuracy.mean)
    assert accuracies[1] > accuracies[0] + 0.2
    # A function of the seed.
    for a, b in zip(encoders[1].parameters(), encoders[2].parameters(), strict=True):
        assert torch.equal(a, b)


def test_classes_have_names_as_texts() -> None:
    source = ClassNames(of={"seen": Sensing("sight")}, templates=["a photo of {}", "{}"])
    catalogue = source.catalogue("test")
    assert catalogue.classes == Sensing("sight").catalogue("test").classes
    assert [source.fetch(int(row)) for row in catalogue.rows[:2]] == ["a photo of test-024", "test-024"]
    with pytest.raises(DataError, match=r"a template holds \{\}"):
        ClassNames(of={"seen": Sensing("sight")}, templates=["name"])


def test_the_joint_encoder_says_what_it_cannot() -> None:
    encoder = joint()
    with pytest.raises(DataError, match="no tower for smell"):
        encoder.prepare([Sensed("smell", 1)])
    vector = Sensing("sight").fetch(0)
    with pytest.raises(DataError, match="one batch; prepare each modality by itself"):
        encoder.prepare([Sensed("sight", vector), Sensed("sound", vector)])
    with pytest.raises(DataError, match="not a bare ndarray"):
        encoder.prepare([vector])
    with pytest.raises(ValueError, match="do not tell their modality"):
        encoder({"values": torch.zeros(1, 16)})
    with pytest.raises(DataError, match="widths must agree"):
        joint(dim=None)
    with pytest.raises(DataError, match="the tower of sight is a _ToyEncoder for toy"):
        Joint(of={"sight": toy_encoder()})


def test_a_frozen_tower_stays_and_may_be_embedded_beforehand() -> None:
    frozen = see()
    frozen.requires_grad_(False)
    encoder = Joint(of={"sight": frozen, "sound": joint().tower("sound")}, dim=8).eval()
    assert encoder.stays("sight") and not encoder.stays("sound")
    assert not any("towers.sight" in name for name in encoder.parameter_groups()["all"])
    raw = [Sensed("sight", Sensing("sight").fetch(row)) for row in range(5)]
    inputs = encoder.prepare(raw)
    embedded = {EMBEDDING: frozen(inputs), MARK + "sight": inputs[MARK + "sight"]}
    torch.testing.assert_close(encoder.over(["sight"])(embedded), encoder(inputs))


def test_lengths_are_alike_or_each_modality_has_a_norm() -> None:
    raw = [Sensed("sound", Sensing("sound").fetch(row)) for row in range(6)]
    length = joint()
    lengths = length(length.prepare(raw)).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((6,), 4.0))
    layer = joint(normalise="layer")
    torch.testing.assert_close(layer(layer.prepare(raw)).mean(dim=1), torch.zeros(6), atol=1e-5, rtol=0)
