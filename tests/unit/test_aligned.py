"""Loaders of sources joined by class name, the joint encoder, and the pretraining by pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from kshot.config import Loading, Pretrain
from kshot.encoders import Joint
from kshot.encoders.embedded import EMBEDDING
from kshot.encoders.joint import MARK
from kshot.errors import DataError
from kshot.evaluation import evaluate
from kshot.functional import keeps_running_statistics, per_episode_norms
from kshot.interfaces import Sensed
from kshot.learners.prototypical import Prototypical
from kshot.loading import RawExamples
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.sources import Aligned
from kshot.testing import toy_encoder
from kshot.training import pretrain

from tests.senses import SenseEncoder, Sensing, hear, joint, loader_of, see

SHAPE = Shape(3, 2, 4)


def aligned(**options: Any) -> Aligned:
    return Aligned(of={"seen": Sensing("sight"), "heard": Sensing("sound")}, **options)


def test_what_is_to_be_known_of_the_parts_is_told() -> None:
    heard = Sensing("sound")
    heard.notes = ["some files are left out"]
    assert Aligned(of={"seen": Sensing("sight"), "heard": heard}).notes == ["heard: some files are left out"]
    assert not aligned().notes


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


def test_norms_of_a_frozen_tower_keep_their_statistics() -> None:
    frozen = see(norm=True).requires_grad_(False)
    encoder = per_episode_norms(Joint(of={"sight": frozen, "sound": hear(norm=True)}, dim=8))
    assert keeps_running_statistics(encoder.tower("sight"))
    assert not keeps_running_statistics(encoder.tower("sound"))


def test_a_tower_learns_from_examples_of_its_modality_alone() -> None:
    class Learning(SenseEncoder):
        def fit(self, raw: Sequence[Any]) -> None:
            self.seen = list(raw)

    tower = Learning("sight", 8, False)
    raw = [Sensed(sense, Sensing(sense).fetch(row)) for row, sense in enumerate(("sight", "sound", "sight"))]
    Joint(of={"sight": tower, "sound": hear()}, dim=8).fit(raw)
    assert [id(one) for one in tower.seen] == [id(raw[0].raw), id(raw[2].raw)]


@pytest.mark.parametrize("given", [(True, True), (True, False), (False, False)])
def test_a_joint_encoder_is_pretrained_where_every_tower_is(given: tuple[bool, bool]) -> None:
    towers = {"sight": see(dim=8), "sound": hear(dim=8)}
    for tower, own in zip(towers.values(), given, strict=True):
        tower.pretrained = own
    assert Joint(of=towers, dim=None, normalise="none").pretrained == all(given)
    assert not Joint(of=towers, dim=8).pretrained


def test_the_last_of_a_joint_encoder_is_what_joins_its_towers() -> None:
    names = {f"project.{modality}.{name}" for modality in ("sight", "sound") for name in ("weight", "bias")}
    groups = joint().parameter_groups()
    assert set(groups["last"]) == {*names, "log_length"}
    assert {name.split(".")[0] for name in groups["all"]} == {"project", "log_length", "towers"}


def test_lengths_are_alike_or_each_modality_has_a_norm() -> None:
    raw = [Sensed("sound", Sensing("sound").fetch(row)) for row in range(6)]
    length = joint()
    lengths = length(length.prepare(raw)).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((6,), 4.0))
    layer = joint(normalise="layer")
    torch.testing.assert_close(layer(layer.prepare(raw)).mean(dim=1), torch.zeros(6), atol=1e-5, rtol=0)
